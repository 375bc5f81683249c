"""The dictionary that stored records are deflated with: what they have in common need not be in each of them.

Part of format 1: records were deflated against exactly these bytes, so they never change. The likeliest words stand
last (RFC 1950, 2.2, and zlib's manual, `deflateSetDictionary`).
"""

WORDS = b"".join(
    (
        b"enabledwhsecregular/failedpartially_finishedconfirmedfinishedpostponedpartially_completed",
        b"ORDER_CREATEDORDER_BECAME_NEXTSTATUS_UPDATEINTERVAL_UPDATEORDER_VISITDEPARTURESTARTARRIVAL",
        b"TAKEN_BY_COURIERACCEPTED_BY_RESTAURANTCANCELLEDDELIVEREDCOOKINGREADY",
        b"schedulingscheduledsearchingpreparingreadyacceptedcreatedcancelledcompletecompletedtransportingin_progress",
        b"waitingarriveddrivingassignedexpiredunknown",
        b"contract_violatedunknown_statusunknown_entryillegal_transition\xa4kindstalledlostlocation_changed",
        b"cancel_rules_changed\xa9can_cancelcost_changedwith_vat\xa6amountschedule_changedperformer_changedhistory_added",
        b"doubt\xa6misses\xadmissing_since\xa4lost\xaalost_since\xa7stalled\xa8reported\xa8unlogged\xa6newest",
        b"\xaeterminal_since\xa4told\xa8failures\xadfailing_since\xaalast_error\xaanot_before\xaaretired_at\xaaretirement",
        b"\xa8comments\xa4text\xa7comment\xaacreated_by\xacfinished_at\xa4cost\xa6amount\xa8with_vat\xa6number",
        b"\xa7entries\x85\xa4kind\xa7history\xa5value\xa2at\xcf\x00\x00\x01\xa3nth\xa9initiator\xa5place\x82\xa3lat\xcb@\xa3lon\xcb@",
        b"\x83\xa4kind\xa6status\xa5value\xa2at\xcf\x00\x00\x01",
        b"\x89\xa3key\xa4life\xcf\x00\x00\x01\xa8sequence\xa8snapshot\x8a\xa6status\xa7driving\xaaupdated_at\xcf\x00\x00\x01",
        b"\xa9performer\x83\xa4name\xa5phone\xac+79\xa7vehicle\x83\xa5model\xa5plate\xa5color\xa5white\xa5black",
        b"\xa8location\x82\xa3lat\xcb@\xa3lon\xcb@\xa5route\x92\x83\xa3lat\xcb@\xa3lon\xcb@\xa7address",
        b"\xa8schedule\x82\xa5start\xcf\x00\x00\x01\xa3end\xcf\x00\x00\x01\xaccancel_rules\x84\xaacan_cancel\xc3",
        b"\xa5state\xa4free\xa4paid\xa5title\xb1Free cancellation\xa7message",
        b"\xa6person\x81\xa2id\xa6tariff\xa6econom\xaccost_centers\x91\x83\xa2id\xabcost_center\xa5title\xa5value\xa0",
        b"\xa5phase\xa7certain\xc3\xa5since\xcf\x00\x00\x01\xa7tracked\xc3\xa7last_ok\xcf\x00\x00\x01\xa6digest\xc4\x10",
        b"\xaachanged_at\xcf\x00\x00\x01\xacwatch_number",
        b"\xa3key\xa6source\xa3ids\x81\xa8order_id\xaarecipients\x91\x84\xa5email@example.org\xa5phone\xac+79",
        b"\xa7webhookhttps://\xa6locale\xa2ru\xa8timezone\xadEurope/Moscow\xa6labels\x80",
        b"\xaacreated_at\xcf\x00\x00\x01\xaaupdated_at\xcf\x00\x00\x01",
        b"\xa2id\xa3key\xa5event\x82\xaaattributes\x80\xa4data\xc4\x00\xa5facts\xa4rule\xa4sink\xa2to\xa8endpoint\xa8template",
        b"\xa5group\xa5state\xa7pending\xa7sending\xa9delivered\xa4dead\xa7expired\xa7skipped\xa3due\xcf\x00\x00\x01",
        b"\xa7expires\xcf\x00\x00\x01\xa4held\xa8retrying\xa6reason\xa8attempts\x91\x84\xa2at\xcf\x00\x00\x01\xa7outcome\xa9delivered",
        b"\xa6status\xa3200\xa2ms\xabfinished_at\xa5tries\x01",
        b'},"number":null,"class":"econom","cost_centers":[],"title":"","value":""}],"person_id":"',
        b'","before":{"status":"driving","phase":"assigned"},"after":{"event":"vehicle":{"model":"color":"start":"end":',
        b"\x82\xaaattributes\x89\xabspecversion\xa31.0\xa2id\xd9$\xa6source\xaf/sources/\xa4type\xd9\x23",
        b"notifier.order.tracked.v1notifier.order.status_changed.v1notifier.order.phase_changed.v1",
        b"\xa7subject\xa4time\xb82026-\xa8sequence\xb400000000000000000001\xafdatacontenttype\xb0application/json",
        b"\xaadataschema\xd92/schemas/notifier.order.phase_changed.v1.json\xa4data\xc5\x02",
        b'{"id":"","order":{"key":"","source":"","id":"","life":17,"labels":{},"person_id":null,"number":null,"class":null,',
        b'"cost_centers":[]},"sequence":1,"before":null,"after":{"status":"","phase":"in_progress"},"status":"","phase":"',
        b'","phase_certain":true,"occurred":{"at":null,"not_before":"2026-11-21T10:00:00.000Z","not_after":"2026-11-21T1',
        b'0:00:05.120Z"},"observed_at":"2026-11-21T10:00:05.120Z","inferred":false,"late":false}',
    )
)
