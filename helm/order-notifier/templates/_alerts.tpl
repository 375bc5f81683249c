{{/* The alerts, a list. `disabled`, labels and the link to the runbook are put on in prometheusrule.yaml. */}}
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
  expr: sum(notifier_shards_owned{ {{- $s -}} }) < {{ $shards }}
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: Only {{ `{{ $value }}` }} of {{ $shards }} shards are owned; the orders of the others are neither polled nor told.
- alert: OrderNotifierNoGoodLook
  expr: |-
    time() - max by (source) (notifier_last_good_look_timestamp_seconds{ {{- $s -}} }) > {{ $t.noGoodLookSeconds }}
    and on (source) sum by (source) (notifier_orders{ {{- $s -}} }) > 0
  for: 1m
  labels: {severity: critical}
  annotations:
    summary: The source {{ `{{ $labels.source }}` }} has given no good answer for {{ `{{ $value | humanizeDuration }}` }}.
- alert: OrderNotifierLooksFailing
  expr: |-
    sum by (source) (rate(notifier_looks_total{ {{- $s -}},outcome!~"unchanged|accepted|stale|doubtful"}[10m]))
    / sum by (source) (rate(notifier_looks_total{ {{- $s -}} }[10m])) > {{ $t.looksFailingRatio }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Of the source {{ `{{ $labels.source }}` }}'s looks {{ `{{ $value | humanizePercentage }}` }} fail.
- alert: OrderNotifierCredentialRejected
  expr: max by (name) (notifier_breaker_open{ {{- $s -}},kind="source"}) > 0
  for: 2m
  labels: {severity: critical}
  annotations:
    summary: The source {{ `{{ $labels.name }}` }} rejects its token.
- alert: OrderNotifierLooksLate
  expr: histogram_quantile(0.95, sum by (le) (rate(notifier_look_lag_seconds_bucket{ {{- $s -}} }[5m]))) > {{ $t.lookLagSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Looks begin {{ `{{ $value | humanizeDuration }}` }} later than due (95th percentile).
- alert: OrderNotifierBudgetExhausted
  expr: max by (source) (notifier_budget_used_ratio{ {{- $s -}} }) > {{ $t.budgetUsedRatio }}
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: The request budget of the source {{ `{{ $labels.source }}` }} is used to {{ `{{ $value | humanizePercentage }}` }}.
- alert: OrderNotifierDetectionSlow
  expr: histogram_quantile(0.95, sum by (le, source) (rate(notifier_detection_seconds_bucket{ {{- $s -}} }[15m]))) > {{ $t.detectionSeconds }}
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Changes of the source {{ `{{ $labels.source }}` }} are found {{ `{{ $value | humanizeDuration }}` }} late (95th percentile).
- alert: OrderNotifierCommitsSlow
  expr: histogram_quantile(0.99, sum by (le) (rate(notifier_commit_seconds_bucket{ {{- $s -}} }[5m]))) > {{ $t.commitSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: Commits take {{ `{{ $value | humanizeDuration }}` }} (99th percentile).
- alert: OrderNotifierDeliveriesDead
  # A reason that occurs for the first time is a new series, of which `increase` sees nothing.
  expr: |-
    sum by (sink, reason) (increase(notifier_deliveries_total{ {{- $s -}},outcome="dead"}[15m])) > 0
    or sum by (sink, reason) (notifier_deliveries_total{ {{- $s -}},outcome="dead"} unless notifier_deliveries_total{ {{- $s -}},outcome="dead"} offset 15m) > 0
  labels: {severity: warning}
  annotations:
    summary: Deliveries over the sink {{ `{{ $labels.sink }}` }} were given up ({{ `{{ $labels.reason }}` }}).
- alert: OrderNotifierDeliveriesStuck
  expr: max by (sink) (notifier_oldest_pending_seconds{ {{- $s -}} }) > {{ int $t.oldestPendingSeconds }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: A delivery over the sink {{ `{{ $labels.sink }}` }} has been waiting for {{ `{{ $value | humanizeDuration }}` }}.
- alert: OrderNotifierToldLate
  expr: histogram_quantile(0.95, sum by (le, sink) (rate(notifier_told_seconds_bucket{ {{- $s -}} }[15m]))) > {{ $t.toldSeconds }}
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: From a change until the sink {{ `{{ $labels.sink }}` }} has told it {{ `{{ $value | humanizeDuration }}` }} pass (95th percentile).
- alert: OrderNotifierEndpointDisabled
  expr: max by (sink) (notifier_endpoints_disabled{ {{- $s -}} }) > 0
  labels: {severity: warning}
  annotations:
    summary: Of the sink {{ `{{ $labels.sink }}` }} {{ `{{ $value }}` }} endpoints answered 410 and are disabled.
- alert: OrderNotifierReceiversHeldBack
  expr: max by (name) (notifier_breaker_open{ {{- $s -}},kind="sink"}) > 0
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Of the sink {{ `{{ $labels.name }}` }} {{ `{{ $value }}` }} endpoints keep failing and are held back.
- alert: OrderNotifierVersionsDiffer
  expr: count(count by (version) (notifier_build_info{ {{- $s -}} })) > 1
  for: 30m
  labels: {severity: warning}
  annotations:
    summary: Replicas of different releases run beside each other; a roll-out has stopped halfway.
{{- end -}}
