# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Admission policies change and refuse what is written, with parameters, conditions and a second round."""
import json

import pytest

from api import API
from conftest import eventually

GROUP = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def policies(kubectl):
    """Makes policies with a binding for the test's namespace; they go with the test."""
    api, made = API(), []

    def make(kind, name, spec, operations=("CREATE", "UPDATE"), resources=("configmaps",), group="", **binding):
        name = f"{name}.{kubectl.namespace}"
        rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": list(operations), "resources": list(resources)}
        spec = {"matchConstraints": {"resourceRules": [rule]}, **spec}
        if kind == "mutating":
            spec = {"reinvocationPolicy": "Never", **spec}
        where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": kubectl.namespace}}}
        status, answer = api("POST", f"{GROUP}/{kind}admissionpolicies", json.dumps({"metadata": {"name": name}, "spec": spec}))
        if status == 201:
            made.append(f"{GROUP}/{kind}admissionpolicies/{name}")
            bound = {"policyName": name, "matchResources": where, **binding}
            code, said = api(
                "POST", f"{GROUP}/{kind}admissionpolicybindings", json.dumps({"metadata": {"name": name}, "spec": bound}))
            assert code == 201, said
            made.append(f"{GROUP}/{kind}admissionpolicybindings/{name}")
        return status, answer

    yield make
    for path in reversed(made):
        api("DELETE", path)


def applied(expression):
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression):
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def config_map(name, data=None, **metadata):
    return json.dumps({"metadata": {"name": name, **metadata}, "data": data or {}})


def test_mutations_change_what_is_written(kubectl, policies):
    api, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    status, answer = policies("mutating", "both", {
        "matchConditions": [{"name": "asked", "expression": "object.metadata.name.startsWith('m-')"}],
        "variables": [{"name": "team", "expression": "object.metadata.name.split('-')[1]"}],
        "mutations": [
            applied("Object{metadata: Object.metadata{labels: {'team': variables.team}}, ?data: optional.none()}"),
            patched("""[
                JSONPatch{op: 'test', path: '/metadata/labels/team', value: 'blue'},
                JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/blue'), value: 'yes'}]"""),
            patched("has(object.data) ? [JSONPatch{op: 'add', path: '/data/seen', value: object.metadata.labels.team}] : []"),
        ]})
    assert status == 201, answer
    _, blue = api("POST", path, config_map("m-blue", {"a": "1"}))
    assert blue["metadata"]["labels"] == {"team": "blue", "example.com/blue": "yes"}
    assert blue["data"] == {"a": "1", "seen": "blue"}
    # A test that fails leaves its patch out, and only that.
    _, red = api("POST", path, config_map("m-red", {"a": "1"}))
    assert (red["metadata"]["labels"], red["data"]) == ({"team": "red"}, {"a": "1", "seen": "red"})
    _, other = api("POST", path, config_map("other", {"a": "1"}))
    assert "labels" not in other["metadata"]
    # Updates and server-side apply, too; a dry run shows it.
    kubectl("label", "configmap", "m-blue", "team-")
    assert kubectl.json("get", "configmap", "m-blue")["metadata"]["labels"]["team"] == "blue"
    shown = kubectl("create", "configmap", "m-dry", "--dry-run=server", "--output=jsonpath={.metadata.labels.team}")
    assert shown == "dry"
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m-green"}, "data": {"b": "2"}}))
    assert kubectl.json("get", "configmap", "m-green")["data"] == {"b": "2", "seen": "green"}


def test_a_mutation_merges_lists_by_their_keys_and_defaults_follow(kubectl, policies):
    status, answer = policies("mutating", "sidecar", {"mutations": [applied("""
        Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
          containers: [Object.spec.template.spec.containers{name: 'side', image: 'side:1'}]}}}}""")]},
        resources=("deployments",), group="apps")
    assert status == 201, answer
    kubectl("create", "deployment", "web", "--image=web:1", "--replicas=0")
    made = kubectl.json("get", "deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert {item["name"]: item["image"] for item in made} == {"web": "web:1", "side": "side:1"}
    assert {item["imagePullPolicy"] for item in made} == {"IfNotPresent"}


def test_parameters_and_failures_of_mutations(kubectl, policies):
    api, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    parameter = {"name": "settings", "parameterNotFoundAction": "Deny"}
    spec = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "matchConditions": [
        {"name": "not-itself", "expression": "object.metadata.name != 'settings'"}]}
    add = "[JSONPatch{op: 'add', path: '/data/color', value: params.data.color}]"
    policies("mutating", "fails", {**spec, "mutations": [patched(add)]}, paramRef=parameter)
    status, answer = api("POST", path, config_map("early", {"a": "1"}))
    name = f"fails.{kubectl.namespace}"
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == (
        f"policy '{name}' with binding '{name}' denied request: failed to configure binding: "
        "no params found for policy binding with `Deny` parameterNotFoundAction")
    api("DELETE", f"{GROUP}/mutatingadmissionpolicybindings/{name}")
    api("POST", path, config_map("settings", {"color": "blue"}))
    policies("mutating", "colors", {**spec, "mutations": [patched(add)]}, paramRef=parameter)
    status, answer = api("POST", path, config_map("late", {"a": "1"}))
    assert (status, answer["data"]["color"]) == (201, "blue")
    # An expression that fails refuses the write, or is no matter.
    broken = [applied("Object{metadata: Object.metadata{labels: {'x': object.data.missing}}}")]
    policies("mutating", "tolerant", {"failurePolicy": "Ignore", "mutations": broken})
    assert api("POST", path, config_map("tolerated", {"a": "1"}))[0] == 201
    policies("mutating", "strict", {"mutations": broken})
    status, answer = api("POST", path, config_map("refused", {"a": "1"}))
    assert (status, answer["reason"]) == (403, "Invalid")
    assert "resulted in error: no such key: missing" in answer["message"]


def test_policies_are_asked_again_after_others_changed_the_object(kubectl, policies):
    api, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    count = ("Object{metadata: Object.metadata{annotations: {'%s': string("
             "int(object.metadata.?annotations['%s'].orValue('0')) + 1)}}}")
    for name, policy in (("a-again", "IfNeeded"), ("b-once", "Never")):
        policies("mutating", name, {"reinvocationPolicy": policy, "mutations": [applied(count % (name, name))]})
    _, answer = api("POST", path, config_map("counted"))
    assert answer["metadata"]["annotations"] == {"a-again": "2", "b-once": "1"}


@pytest.mark.parametrize("mutations, message", [
    ([], "spec.mutations: Required value: mutations must contain at least one item"),
    ([{"patchType": "Other"}], 'spec.mutations[0].patchType: Unsupported value: "Other": supported values: "ApplyConfiguration", "JSONPatch"'),
    ([{"patchType": "JSONPatch"}], "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"),
    ([applied("{'a': 1}")], "must evaluate to Object but got map(string, int)"),
    ([applied("Object{spec: Object.spec{x: nothing}}")], "undeclared reference to 'nothing' (in container '')"),
    ([patched("JSONPatch{op: 'add', path: '/a'}")], "must evaluate to list(JSONPatch) but got JSONPatch"),
    ([patched("[JSONPatch{op: 1, path: '/a'}]")], "expected type of field 'op' is 'string' but provided type is 'int'"),
    ([patched("[JSONPatch{operation: 'add'}]")], "undefined field 'operation'"),
])
def test_mutations_that_cannot_be(policies, mutations, message):
    status, answer = policies("mutating", "invalid", {"mutations": mutations})
    assert status == 422 and message in answer["message"], answer["message"]


@pytest.mark.parametrize("mutation, message", [
    (applied("Object{metadata: Object.spec{labels: {}}}"),
     'type mismatch: unexpected type name "Object.spec", expected "Object.metadata", which matches field name path from root Object type'),
    (applied("Object{metadata: Object.metadata{finalizers: ['a.b/c']}, other: 1}"), ".other: field not declared in schema"),
    (applied("Object{metadata: Object.metadata{ownerReferences: [Object.metadata.ownerReferences{uid: 1}]}}"), "expected string"),
    (patched("[JSONPatch{op: 'remove', path: '/data/none'}]"), "JSON Patch: remove operation does not apply"),
])
def test_mutations_that_fail(kubectl, policies, mutation, message):
    assert policies("mutating", "wrong", {"mutations": [mutation]})[0] == 201
    answer = kubectl("create", "configmap", "refused", "--from-literal=a=1", check=False)
    assert answer.returncode == 1 and message in answer.stderr, answer.stderr


def test_lists_that_are_replaced_as_a_whole_are_left_alone(kubectl, policies):
    policies("mutating", "atomic", {"mutations": [applied("Object{spec: Object.spec{args: ['x']}}")]}, resources=("pods",))
    expression = "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'c', args: ['x']}]}}"
    policies("mutating", "args", {"mutations": [applied(expression)]}, resources=("pods",))
    answer = kubectl("run", "c", "--image=c:1", check=False)
    assert answer.returncode == 1
    assert "may not mutate atomic arrays, maps or structs: .spec.containers[0].args" in answer.stderr or ".spec.args: field not declared" in answer.stderr


def test_validations_say_why_and_annotations_must_have_values(kubectl, policies):
    api, path = API(), f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    status, answer = policies("validating", "limits", {
        "variables": [{"name": "count", "expression": "has(object.data) ? object.data.size() : 0"}],
        "validations": [{
            "expression": "variables.count < 3", "messageExpression": "'too many: ' + string(variables.count)", "reason": "Forbidden"}],
        "auditAnnotations": [{"key": "first", "valueExpression": "'first: ' + object.data.first"}]}, validationActions=["Deny"])
    assert status == 201, answer
    eventually(lambda: api("POST", path + "?dryRun=All", config_map("x", {"first": "1"}))[0] == 201)
    status, answer = api("POST", path, config_map("many", {"first": "1", "b": "2", "c": "3"}))
    assert (status, answer["reason"]) == (403, "Forbidden") and answer["message"].endswith("denied request: too many: 3")
    status, answer = api("POST", path, config_map("none", {"a": "1"}))
    assert status == 422 and "resulted in error: no such key: first" in answer["message"]
    status, answer = policies("validating", "objects", {"validations": [{"expression": "Object{} == Object{}"}]})
    assert status == 422 and "undeclared reference to 'Object'" in answer["message"]
