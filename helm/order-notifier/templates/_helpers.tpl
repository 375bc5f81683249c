{{- define "order-notifier.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52: a StatefulSet's name and a hash of 10 characters make a label of its pods, which ends at 63. */}}
{{- define "order-notifier.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The labels that pods are selected by: they never change. */}}
{{- define "order-notifier.selectorLabels" -}}
app.kubernetes.io/name: {{ include "order-notifier.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: notifier
{{- end -}}

{{/* Labels of an object. Give (dict "context" $ "component" …, "extra" …). */}}
{{- define "order-notifier.labels" -}}
{{- $own := include "order-notifier.selectorLabels" .context | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/component" (default "notifier" .component) -}}
{{- $_ := set $own "app.kubernetes.io/version" .context.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .context.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- mergeOverwrite (dict) .context.Values.commonLabels (default (dict) .extra) $own | toYaml -}}
{{- end -}}

{{- define "order-notifier.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "order-notifier.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "order-notifier.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "order-notifier.apiSecret" -}}
{{- default (printf "%s-api" (include "order-notifier.fullname" .)) .Values.api.existingSecret -}}
{{- end -}}

{{- define "order-notifier.claim" -}}
{{- default (printf "%s-data" (include "order-notifier.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* The PromQL matchers of this release's series. */}}
{{- define "order-notifier.series" -}}
namespace="{{ .Release.Namespace }}",job="{{ include "order-notifier.fullname" . }}"
{{- end -}}

{{/* Not empty when something else decides how many replicas there are. */}}
{{- define "order-notifier.autoscaled" -}}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled }}true{{ end -}}
{{- end -}}
