{{/* The pod of a StatefulSet or a Deployment. */}}
{{- define "order-notifier.podTemplate" -}}
{{- $sqlite := eq (include "order-notifier.backend" .) "sqlite" -}}
metadata:
  labels:
    {{- mergeOverwrite (dict) .Values.commonLabels .Values.podLabels (include "order-notifier.selectorLabels" . | fromYaml) | toYaml | nindent 4 }}
  annotations:
    {{- $own := dict "checksum/config" (include "order-notifier.checksum" .) }}
    {{- mergeOverwrite (dict "kubectl.kubernetes.io/default-container" "notifier") .Values.podAnnotations $own | toYaml | nindent 4 }}
spec:
  serviceAccountName: {{ include "order-notifier.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with include "order-notifier.placement" . }}
  {{- nindent 2 . }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- $selector := dict "matchLabels" (include "order-notifier.selectorLabels" $ | fromYaml) }}
    {{- range . }}
    - {{ hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" $selector) | toYaml | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ include "order-notifier.gracePeriod" . }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: notifier
      {{- include "order-notifier.container" . | nindent 6 }}
      args:
        - run
        - -c
        - {{ include "order-notifier.home" . }}/config/notifier.yaml
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: {{ include "order-notifier.port" . }}
          protocol: TCP
      {{- with .Values.startupProbe }}
      startupProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.livenessProbe }}
      livenessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.readinessProbe }}
      readinessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if gt (int .Values.preStopSleepSeconds) 0 }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ int .Values.preStopSleepSeconds }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        {{- include "order-notifier.mounts" . | nindent 8 }}
        {{- if $sqlite }}
        - name: data
          mountPath: {{ include "order-notifier.dataDir" . }}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "order-notifier.volumes" . | nindent 4 }}
    {{- if $sqlite }}
    - name: data
      {{- if .Values.persistence.enabled }}
      persistentVolumeClaim:
        claimName: {{ include "order-notifier.claim" . }}
      {{- else }}
      emptyDir: {}
      {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Where pods run and how they find others: the test's, too. */}}
{{- define "order-notifier.placement" -}}
{{- $placement := dict -}}
{{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "hostAliases" "dnsPolicy" "dnsConfig" -}}
{{- with get $.Values $key -}}
{{- $_ := set $placement $key . -}}
{{- end -}}
{{- end -}}
{{- with $placement -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* What every container of the image has. */}}
{{- define "order-notifier.container" -}}
image: {{ include "order-notifier.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: {{ include "order-notifier.home" . }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Whole folders, never subPath: a file mounted by subPath does not change with its Secret. */}}
{{- define "order-notifier.mounts" -}}
- name: config
  mountPath: {{ include "order-notifier.home" . }}/config
  readOnly: true
{{- if not (include "order-notifier.ownTokenFile" .) }}
- name: credential-api
  mountPath: {{ include "order-notifier.home" . }}/credentials/api
  readOnly: true
{{- end }}
{{- range $name, $credential := .Values.credentials }}
- name: credential-{{ $name }}
  mountPath: {{ include "order-notifier.home" $ }}/credentials/{{ $name }}
  readOnly: true
{{- end }}
{{- if .Values.messages }}
- name: messages
  mountPath: {{ include "order-notifier.home" . }}/messages
  readOnly: true
{{- end }}
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "order-notifier.volumes" -}}
- name: config
  configMap:
    name: {{ include "order-notifier.fullname" . }}
{{- if not (include "order-notifier.ownTokenFile" .) }}
- name: credential-api
  secret:
    secretName: {{ include "order-notifier.apiSecret" . }}
    defaultMode: 288 # 0440: the group is fsGroup
    items:
      - key: {{ .Values.api.existingSecretKey }}
        path: {{ .Values.api.existingSecretKey }}
{{- end }}
{{- range $name, $credential := .Values.credentials }}
- name: credential-{{ $name }}
  secret:
    secretName: {{ $credential.existingSecret }}
    defaultMode: 288
    {{- with $credential.items }}
    items:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}
{{- if .Values.messages }}
- name: messages
  configMap:
    name: {{ include "order-notifier.fullname" . }}-messages
    items:
      {{- range $path, $_ := .Values.messages }}
      - key: {{ replace "/" "__" $path }}
        path: {{ $path }}
      {{- end }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmp.sizeLimit }}
{{- end -}}
