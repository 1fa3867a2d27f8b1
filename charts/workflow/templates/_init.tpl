{{/*
What the hook Job (init.yaml) and the weekly renewal (renewal.yaml) share: the same command with the same rights. Two
accounts, because the hook's must exist before any other object of the release and goes when the hook is through.
*/}}

{{/* Every Secret that `deisctl init` makes and renews. It may read no other one. */}}
{{- define "deis.init.secrets" -}}
- deis-admin
- deis-builder-host-keys
- deis-builder-tls
- deis-ca
- deis-database-creds
- deis-etcd-ca
- deis-etcd-client-tls
- deis-etcd-server-tls
- deis-logger-agent-tls
- deis-logger-redis-creds
- deis-logger-tls
- deis-operator-tls
- deis-pull-key
- deis-registry-creds
- deis-registry-proxy-tls
- deis-router-platform-cert
- deis-router-tls
- deis-state-tls
- deis-workflow-tls
{{- end }}

{{- define "deis.init.rules" -}}
# Kubernetes cannot limit `create` to names.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
    {{- include "deis.init.secrets" . | nindent 4 }}
  verbs: [get, update]
{{- end }}

{{/* The pod: the root context, and the service account to run as. */}}
{{- define "deis.init.podSpec" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ index . 1 }}
enableServiceLinks: false
restartPolicy: OnFailure
securityContext:
  {{- include "deis.podSecurity" . | nindent 2 }}
containers:
  - name: init
    {{- include "deis.containerImage" (list $root "deisctl") | nindent 4 }}
    args:
      - init
      - --namespace={{ $root.Release.Namespace }}
      - --domain={{ include "deis.domain" $root }}
    securityContext:
      {{- include "deis.containerSecurity" . | nindent 6 }}
    resources:
      {{- toYaml $root.Values.init.resources | nindent 6 }}
{{- end }}
