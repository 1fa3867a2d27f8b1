{{/*
Helpers take a list: the root context, then what the helper is about.

    include "deis.labels" (list . "router")
*/}}

{{/* Labels of every object. `app` and `heritage` are what the platform's own code selects by. */}}
{{- define "deis.labels" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
app: deis-{{ $component }}
heritage: deis
app.kubernetes.io/name: deis-{{ $component }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/part-of: deis
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* Labels of a pod: without the versions, so that a new chart version alone replaces no pod. */}}
{{- define "deis.podLabels" -}}
app: deis-{{ . }}
heritage: deis
app.kubernetes.io/name: deis-{{ . }}
app.kubernetes.io/part-of: deis
{{- end }}

{{/* The reference of an image: `images.<name>`, or the name under which the images are built. */}}
{{- define "deis.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- get $root.Values.images $name | default (printf "deis.local/deis/%s:%s" (kebabcase $name) $root.Chart.AppVersion) -}}
{{- end }}

{{/* A container's image and pull policy. */}}
{{- define "deis.containerImage" -}}
image: {{ include "deis.image" . | quote }}
imagePullPolicy: {{ (index . 0).Values.imagePullPolicy }}
{{- end }}

{{/* The platform's domain; everything it serves is below it. */}}
{{- define "deis.domain" -}}
{{- required "Which domain is the platform's? Give one whose names, wildcard included, lead to the router: --set domain=apps.example.com" .Values.domain -}}
{{- end }}

{{/* A pod's security context: the level `restricted`, as the images' one user, to whose group volumes belong. */}}
{{- define "deis.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container's security context: the level `restricted`, and nothing to write but its volumes. */}}
{{- define "deis.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where a pod is, for the services that want to know. */}}
{{- define "deis.podEnv" -}}
- name: DEIS_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: DEIS_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: DEIS_POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}

{{/*
What each of our own services is told: where traces go, and how long it may take to end. That is the grace period without
the time before SIGTERM, and a little less, so that the process can still say what held it up.

    include "deis.processEnv" (list . 45 5)     # grace period and time before SIGTERM, in seconds
*/}}
{{- define "deis.processEnv" -}}
- name: DEIS_SHUTDOWN_SECONDS
  value: {{ sub (sub (index . 1) (index . 2)) 2 | max 1 | quote }}
{{- with (index . 0).Values.telemetry.otlpEndpoint }}
- name: DEIS_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/*
Probes of our own services, on their admin port. The startup probe asks each second, so that a pod serves as soon as it can;
from then on a process is restarted only when it hangs, never because something it leans on is away.
*/}}
{{- define "deis.probes" -}}
startupProbe:
  httpGet: { path: /readiness, port: admin }
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 300
readinessProbe:
  httpGet: { path: /readiness, port: admin }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{/* The namespace of certificates: the services make its name of the platform's in the same way. */}}
{{- define "deis.certificates" -}}
{{ .Release.Namespace }}-certificates
{{- end }}

{{/* A volume with a Secret that `deisctl init` makes. The pod waits for it. */}}
{{- define "deis.secretVolume" -}}
- name: {{ index . 0 }}
  secret:
    secretName: {{ index . 1 }}
    defaultMode: 0440
{{- end }}

{{/* The claim of a StatefulSet: its name, and the component's `storage` values. */}}
{{- define "deis.volumeClaim" -}}
{{- $name := index . 0 -}}
{{- $storage := index . 1 -}}
- metadata:
    name: {{ $name }}
    labels:
      heritage: deis
  spec:
    accessModes: [ReadWriteOnce]
    {{- with $storage.className }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ $storage.size }}
{{- end }}
