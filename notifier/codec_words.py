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
        b"contract_violatedunknown_statusunknown_entryillegal_transitionstalledlostlocation_changedcancel_rules_changed",
        b"can_cancelcost_changedwith_vatamountschedule_changedperformer_changedhistory_added",
        b"\xb1Free cancellationcost_center\xa6econom\xaa+79\x93\xa5white\xc0\xa5black\xa4free\xa4paid",
        b"order_idclient_id\xa2ru\xadEurope/Moscowhttps://@example.org",
        b"\x96\xa6status\xa7driving\xcf\x00\x00\x01\x96\xa7history\xadSTATUS_UPDATE\xcf\x00\x00\x01\xc0\xc0\x93\xcb@",
        b"\xc0\xc0\xc0\xc0\xc0\xc0\xc2\xc0\xc2\x90\x90\xcf\x00\x00\x01\xc3\xcf\x00\x00\x01\xc4\x10",
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
