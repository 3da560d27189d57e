{{- define "afterword.labels" -}}
app.kubernetes.io/name: afterword
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "afterword.settings" -}}
{{- $ours := dict "listen" "0.0.0.0:8009" "ops" (dict "listen" "0.0.0.0:9009") "registration" "/run/secrets/afterword/afterword-registration.yaml" }}
{{- if .Values.persistence.enabled }}
{{- $_ := set $ours "database" "sqlite:/var/lib/afterword/afterword.db" }}
{{- end }}
{{- /* Without quotes, `off` is false to YAML. */}}
{{- if kindIs "bool" (dig "log" "level" "" .Values.configuration) }}
{{- $_ := set $ours "log" (dict "level" (ternary "on" "off" .Values.configuration.log.level)) }}
{{- end }}
{{- toYaml (merge $ours (deepCopy .Values.configuration)) }}
{{- end }}
