"""Kinds that come with KEDA and the Prometheus operator: what a typing mistake breaks. Their schemas are in no registry."""

import re

# For each kind: what must be there, what may.
KINDS = {
    "ScaledObject": (
        {"scaleTargetRef", "triggers"},
        {"minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "fallback", "advanced"},
    ),
    "PodMonitor": ({"selector", "podMetricsEndpoints"}, {"jobLabel", "namespaceSelector", "podTargetLabels"}),
    "PrometheusRule": ({"groups"}, set()),
}


def problems(document):
    kind = document.get("kind", "?")
    name = f"{kind} {document.get('metadata', {}).get('name', '?')}"
    if kind not in KINDS:
        return [f"{name}: there is no such kind as {document.get('apiVersion')} {kind}"]
    needed, allowed = KINDS[kind]
    keys = set(document.get("spec", {}))
    found = [f"{name}: {key} is missing" for key in needed - keys]
    found += [f"{name}: {key} is unknown" for key in keys - needed - allowed]
    if not found:
        found = [f"{name}: {problem}" for problem in globals()[kind.lower()](document["spec"])]
    return found


def scaledobject(spec):
    if not spec["triggers"] or not 1 <= spec.get("minReplicaCount", 0) <= spec.get("maxReplicaCount", 100):
        yield "needs triggers, and 1 <= minReplicaCount <= maxReplicaCount"
    for trigger in spec["triggers"]:
        metadata = trigger.get("metadata", {})
        if trigger.get("type") != "prometheus" or trigger.get("metricType") not in ("AverageValue", "Value"):
            yield f"trigger {trigger.get('type')}: expected prometheus, with a metricType"
        if set(metadata) != {"serverAddress", "query", "threshold"}:
            yield f"trigger's metadata is {sorted(metadata)}"
        elif not isinstance(metadata["threshold"], str) or not re.fullmatch(r"\d+(\.\d+)?", metadata["threshold"]):
            yield f"threshold {metadata['threshold']!r} is no number in quotes"


def podmonitor(spec):
    if not spec["selector"].get("matchLabels"):
        yield "selects every pod"
    for endpoint in spec["podMetricsEndpoints"]:
        if "port" not in endpoint:
            yield "an endpoint without a port"


def prometheusrule(spec):
    for group in spec["groups"]:
        for rule in group["rules"]:
            if "expr" not in rule or ("alert" in rule) == ("record" in rule):
                yield f"group {group['name']}: {rule.get('alert') or rule.get('record')}: expected expr, and alert or record"
