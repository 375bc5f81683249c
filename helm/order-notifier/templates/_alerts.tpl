{{/* The alerts, a list. Each has the labels `namespace` and `job`, so that the runbooks' commands can be filled in. `disabled`, labels and the link to the runbook are put on in prometheusrule.yaml. */}}
{{- define "order-notifier.alerts" -}}
{{- $s := include "order-notifier.series" . -}}
{{- $t := .Values.prometheusRule.thresholds -}}
{{- $shards := eq (include "order-notifier.backend" .) "kafka" | ternary (dig "backend" "partitions" 12 .Values.config | int) 1 -}}
- alert: OrderNotifierAbsent
  expr: absent(notifier_build_info{ {{- $s -}} })
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No replica of the order notifier answers Prometheus.
- alert: OrderNotifierShardsUnowned
  expr: sum by (namespace, job) (notifier_shards_owned{ {{- $s -}} }) < {{ $shards }}
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: Only {{ `{{ $value }}` }} of {{ $shards }} shards are owned; the orders of the others are neither polled nor told.
- alert: OrderNotifierNoGoodLook
  # A source that has given no good answer since the start has no such series: then it is as old as the youngest replica.
  expr: |-
    (
      time() - max by (namespace, job, source) (notifier_last_good_look_timestamp_seconds{ {{- $s -}} })
      or 0 * sum by (namespace, job, source) (notifier_orders{ {{- $s -}} })
        + on (namespace, job) group_left () (time() - max by (namespace, job) (process_start_time_seconds{ {{- $s -}} }))
    ) > {{ $t.noGoodLookSeconds }}
    and on (namespace, job, source) sum by (namespace, job, source) (notifier_orders{ {{- $s -}} }) > 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: The source {{ `{{ $labels.source }}` }} has given no good answer for {{ `{{ $value | humanizeDuration }}` }}.
- alert: OrderNotifierLooksFailing
  expr: |-
    sum by (namespace, job, source) (rate(notifier_looks_total{ {{- $s -}},outcome!~"unchanged|accepted|stale|doubtful"}[10m]))
    / sum by (namespace, job, source) (rate(notifier_looks_total{ {{- $s -}} }[10m])) > {{ $t.looksFailingRatio }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Of the source {{ `{{ $labels.source }}` }}'s looks {{ `{{ $value | humanizePercentage }}` }} fail.
- alert: OrderNotifierCredentialRejected
  expr: max by (namespace, job, name) (notifier_breaker_open{ {{- $s -}},kind="source"}) > 0
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: The source {{ `{{ $labels.name }}` }} rejects its token.
- alert: OrderNotifierLooksLate
  expr: histogram_quantile(0.95, sum by (namespace, job, le) (rate(notifier_look_lag_seconds_bucket{ {{- $s -}} }[5m]))) > {{ $t.lookLagSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Looks begin {{ `{{ $value | humanizeDuration }}` }} later than due (95th percentile).
- alert: OrderNotifierBudgetExhausted
  expr: max by (namespace, job, source) (notifier_budget_used_ratio{ {{- $s -}} }) > {{ $t.budgetUsedRatio }}
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: The request budget of the source {{ `{{ $labels.source }}` }} is used to {{ `{{ $value | humanizePercentage }}` }}.
- alert: OrderNotifierDetectionSlow
  expr: histogram_quantile(0.95, sum by (namespace, job, le, source) (rate(notifier_detection_seconds_bucket{ {{- $s -}} }[15m]))) > {{ $t.detectionSeconds }}
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Changes of the source {{ `{{ $labels.source }}` }} are found {{ `{{ $value | humanizeDuration }}` }} late (95th percentile).
- alert: OrderNotifierCommitsSlow
  expr: histogram_quantile(0.99, sum by (namespace, job, le) (rate(notifier_commit_seconds_bucket{ {{- $s -}} }[5m]))) > {{ $t.commitSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Commits take {{ `{{ $value | humanizeDuration }}` }} (99th percentile).
- alert: OrderNotifierDeliveriesDead
  # A reason that occurs for the first time is a new series, of which `increase` sees nothing.
  expr: |-
    sum by (namespace, job, sink, reason) (increase(notifier_deliveries_total{ {{- $s -}},outcome="dead"}[15m])) > 0
    or sum by (namespace, job, sink, reason) (notifier_deliveries_total{ {{- $s -}},outcome="dead"} unless notifier_deliveries_total{ {{- $s -}},outcome="dead"} offset 15m) > 0
  labels: {severity: warning}
  annotations:
    summary: Deliveries over the sink {{ `{{ $labels.sink }}` }} were given up ({{ `{{ $labels.reason }}` }}).
- alert: OrderNotifierDeliveriesStuck
  expr: max by (namespace, job, sink) (notifier_oldest_pending_seconds{ {{- $s -}} }) > {{ int $t.oldestPendingSeconds }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: A delivery over the sink {{ `{{ $labels.sink }}` }} has been waiting for {{ `{{ $value | humanizeDuration }}` }}.
- alert: OrderNotifierToldLate
  expr: histogram_quantile(0.95, sum by (namespace, job, le, sink) (rate(notifier_told_seconds_bucket{ {{- $s -}} }[15m]))) > {{ $t.toldSeconds }}
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: From a change until the sink {{ `{{ $labels.sink }}` }} has told it {{ `{{ $value | humanizeDuration }}` }} pass (95th percentile).
- alert: OrderNotifierEndpointDisabled
  expr: max by (namespace, job, sink) (notifier_endpoints_disabled{ {{- $s -}} }) > 0
  labels: {severity: warning}
  annotations:
    summary: Of the sink {{ `{{ $labels.sink }}` }} {{ `{{ $value }}` }} endpoints answered 410 and are disabled.
- alert: OrderNotifierReceiversHeldBack
  expr: max by (namespace, job, name) (notifier_breaker_open{ {{- $s -}},kind="sink"}) > 0
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Of the sink {{ `{{ $labels.name }}` }} {{ `{{ $value }}` }} endpoints keep failing and are held back.
- alert: OrderNotifierRecordsSkipped
  # A reason that occurs for the first time is a new series, of which `increase` sees nothing.
  expr: |-
    sum by (namespace, job, reason) (increase(notifier_watches_rejected_total{ {{- $s -}} }[15m])) > 0
    or sum by (namespace, job, reason) (notifier_watches_rejected_total{ {{- $s -}} } unless notifier_watches_rejected_total{ {{- $s -}} } offset 15m) > 0
  labels: {severity: warning}
  annotations:
    summary: Records that somebody wrote to the topic of watches or commands were skipped ({{ `{{ $labels.reason }}` }}).
- alert: OrderNotifierVersionsDiffer
  expr: count by (namespace, job) (count by (namespace, job, version) (notifier_build_info{ {{- $s -}} })) > 1
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Replicas of different releases run beside each other; a roll-out has stopped halfway.
{{- end -}}
