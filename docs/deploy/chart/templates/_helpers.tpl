{{- define "signer.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}-admission
{{- end }}
{{- define "signer.selector" -}}
app.kubernetes.io/name: signer-admission
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "signer.labels" -}}
{{ include "signer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "signer.state" -}}
{{- if .Values.state.redis.enabled -}}
redis://{{ include "signer.name" . }}-redis:6379/0
{{- else -}}
{{ .Values.state.url }}
{{- end -}}
{{- end }}
{{- define "signer.webhook" -}}
admissionReviewVersions: [v1]
clientConfig:
  {{- with .root.Values.tls.caBundle }}
  caBundle: {{ . }}
  {{- end }}
  service:
    name: {{ include "signer.name" .root }}
    namespace: {{ .root.Release.Namespace }}
    path: {{ .path }}
    port: 443
failurePolicy: {{ .root.Values.webhook.failurePolicy }}
matchPolicy: Equivalent
{{- with .root.Values.webhook.matchConditions }}
matchConditions:
  {{- toYaml . | nindent 2 }}
{{- end }}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values:
        - {{ .root.Release.Namespace }}
        {{- range .root.Values.webhook.excludedNamespaces }}
        - {{ . }}
        {{- end }}
rules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE, UPDATE]
    resources: [pods, pods/ephemeralcontainers, podtemplates, replicationcontrollers]
    scope: Namespaced
  - apiGroups: [apps]
    apiVersions: [v1]
    operations: [CREATE, UPDATE]
    resources: [daemonsets, deployments, replicasets, statefulsets]
    scope: Namespaced
  - apiGroups: [batch]
    apiVersions: [v1]
    operations: [CREATE, UPDATE]
    resources: [cronjobs, jobs]
    scope: Namespaced
  {{- if .root.Values.webhook.scale }}
  - apiGroups: ["", apps]
    apiVersions: [v1]
    operations: [UPDATE]
    resources: ["*/scale"]
    scope: Namespaced
  {{- end }}
  {{- with .root.Values.webhook.extraRules }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
sideEffects: NoneOnDryRun
timeoutSeconds: {{ .root.Values.webhook.timeoutSeconds }}
{{- end }}
