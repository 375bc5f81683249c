{{- define "order-notifier.home" -}}/etc/order-notifier{{- end -}}
{{- define "order-notifier.dataDir" -}}/var/lib/order-notifier{{- end -}}

{{- define "order-notifier.backend" -}}
{{- dig "backend" "type" "sqlite" .Values.config -}}
{{- end -}}

{{/* The configuration: .Values.config, and what it leaves out because only the chart knows it. */}}
{{- define "order-notifier.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $api := dict "host" "0.0.0.0" "port" 8080 "token_file" (printf "%s/credentials/api/%s" (include "order-notifier.home" .) .Values.api.existingSecretKey) -}}
{{- $_ := set $config "api" (mergeOverwrite $api (default (dict) $config.api)) -}}
{{- $backend := dict "type" "sqlite" -}}
{{- if eq (include "order-notifier.backend" .) "sqlite" -}}
{{- $_ := set $backend "path" (printf "%s/notifier.db" (include "order-notifier.dataDir" .)) -}}
{{- else if eq .Values.kind "StatefulSet" -}}
{{- $_ := set $backend "instance_id" "${POD_NAME}" -}}
{{- $_ := set $backend "session_timeout" "20s" -}}
{{- end -}}
{{- $_ := set $config "backend" (mergeOverwrite $backend (default (dict) $config.backend)) -}}
{{- if .Values.messages -}}
{{- $templates := dict "folder" (printf "%s/messages" (include "order-notifier.home" .)) -}}
{{- $_ := set $config "templates" (mergeOverwrite $templates (default (dict) $config.templates)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What the program reads once, at its start: pods roll when it changes. Credentials are read again instead. */}}
{{- define "order-notifier.checksum" -}}
{{- printf "%s%s" (include "order-notifier.config" .) (empty .Values.messages | ternary "" (toYaml .Values.messages)) | sha256sum -}}
{{- end -}}

{{/* Not empty when the tokens of the API come from a file that the values name themselves: then no Secret is mounted for it. */}}
{{- define "order-notifier.ownTokenFile" -}}
{{- dig "api" "token_file" "" .Values.config -}}
{{- end -}}

{{- define "order-notifier.port" -}}
{{- dig "api" "port" 8080 .Values.config | int -}}
{{- end -}}

{{/* '90s', '1.5m', '500ms' -> whole seconds, rounded up: notifier/fields.py, parse_duration. */}}
{{- define "order-notifier.seconds" -}}
{{- $text := trim (toString .value) -}}
{{- if not (regexMatch `^(0|[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d))$` $text) -}}
{{- fail (printf "%s is %q: write a number with ms, s, m, h or d, as in 90s" .name $text) -}}
{{- end -}}
{{- $factors := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- $factor := get $factors (regexFind `(ms|s|m|h|d)$` $text | default "s") -}}
{{- mulf (regexFind `^[0-9]+(\.[0-9]+)?` $text | float64) $factor | ceil | int -}}
{{- end -}}

{{/* Time for preStop, for a clean stop, and 5 s for the kubelet. */}}
{{- define "order-notifier.gracePeriod" -}}
{{- $grace := include "order-notifier.seconds" (dict "name" "config.shutdown_grace" "value" (dig "shutdown_grace" "10s" .Values.config)) | int -}}
{{- $least := add $grace (int .Values.preStopSleepSeconds) 5 -}}
{{- $given := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- $least -}}
{{- else if lt (int $given) (int $least) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: config.shutdown_grace, preStopSleepSeconds and 5 s more need %d; leave it out, or give more" (int $given) (int $least)) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}

{{/* What no schema can say: numbers that must fit each other. */}}
{{- define "order-notifier.validate" -}}
{{- $host := dig "api" "host" "0.0.0.0" .Values.config -}}
{{- if has $host (list "127.0.0.1" "localhost" "::1") -}}
{{- fail (printf "config.api.host is %s: probes and the Service come from outside the pod; leave it out" $host) -}}
{{- end -}}
{{- include "order-notifier.validateScaling" . -}}
{{- if eq (include "order-notifier.backend" .) "kafka" -}}
{{- $partitions := dig "backend" "partitions" 12 .Values.config | int -}}
{{- $most := int .Values.replicaCount -}}
{{- if .Values.keda.enabled -}}{{- $most = int .Values.keda.maxReplicaCount -}}{{- end -}}
{{- if .Values.autoscaling.enabled -}}{{- $most = int .Values.autoscaling.maxReplicas -}}{{- end -}}
{{- if gt $most $partitions -}}
{{- fail (printf "up to %d replicas for %d partitions (config.backend.partitions): those beyond own no orders and never get ready; ask for %d at most" $most $partitions $partitions) -}}
{{- end -}}
{{- end -}}
{{- $pdb := .Values.podDisruptionBudget -}}
{{- if and (not (kindIs "invalid" $pdb.minAvailable)) (not (kindIs "invalid" $pdb.maxUnavailable)) -}}
{{- fail "podDisruptionBudget: give minAvailable or maxUnavailable, not both" -}}
{{- end -}}
{{- end -}}

{{- define "order-notifier.validateScaling" -}}
{{- if and .Values.keda.enabled (not .Values.keda.prometheus.serverAddress) -}}
{{- fail "keda.prometheus.serverAddress is missing: KEDA asks Prometheus for the lag, as at http://prometheus-operated.monitoring:9090" -}}
{{- end -}}
{{- with .Values.keda -}}
{{- if and .enabled (gt (int .minReplicaCount) (int .maxReplicaCount)) -}}
{{- fail (printf "keda.minReplicaCount is %d and keda.maxReplicaCount %d: the least is more than the most" (int .minReplicaCount) (int .maxReplicaCount)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas is %d and autoscaling.maxReplicas %d: the least is more than the most" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- $targets := dict "cpu" .targetCPUUtilizationPercentage "memory" .targetMemoryUtilizationPercentage -}}
{{- if not (or $targets.cpu $targets.memory) -}}
{{- fail "autoscaling has nothing to go by: give targetCPUUtilizationPercentage or targetMemoryUtilizationPercentage" -}}
{{- end -}}
{{- range $resource, $target := $targets -}}
{{- if and $target (not (dig "requests" $resource "" $.Values.resources)) -}}
{{- fail (printf "autoscaling goes by a share of what is requested: give resources.requests.%s" $resource) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
