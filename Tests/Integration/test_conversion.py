# Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
"""Custom resources in versions that a webhook makes of one another: read, written, listed, watched, selected, refused."""
import json
import uuid

import pytest

from api import API
from conftest import eventually
from extension_server import Handler, Server

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Converter(Handler):
    """v1 has `spec.size` ("3x4"), v2 has `spec.width` and `spec.height`."""

    def do_POST(self):
        owner = self.server.owner
        review = json.loads(self.body())
        request = review["request"]
        owner.questions.append((request["desiredAPIVersion"].split("/")[1], len(request["objects"])))
        objects = [self.convert(item, request["desiredAPIVersion"]) for item in request["objects"]]
        response = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
        if owner.spoil:
            owner.spoil(response)
        self.answer(200, {"kind": "ConversionReview", "apiVersion": review["apiVersion"], "response": response})

    @staticmethod
    def convert(item, version):
        item = json.loads(json.dumps(item))
        spec = item["spec"]
        if version.endswith("/v2"):
            width, height = spec.pop("size").split("x")
            spec.update(width=int(width), height=int(height))
        else:
            spec["size"] = f"{spec.pop('width')}x{spec.pop('height')}"
        item["apiVersion"] = version
        item["metadata"].setdefault("annotations", {})["converted-to"] = version.split("/")[1]
        return item


class Tiles:
    """A definition with two versions, and its webhook."""

    def __init__(self, kubectl, folder):
        self.api, self.kubectl, self.group = API(), kubectl, f"t{uuid.uuid4().hex[:6]}.example.com"
        self.webhook = Server(Converter, folder, f"converter.{kubectl.namespace}.svc")
        self.webhook.questions, self.webhook.spoil = [], None
        kubectl.apply(self.webhook.service("converter"), self.webhook.slice("converter"))
        client = {"service": {"namespace": kubectl.namespace, "name": "converter", "path": "/convert"}, "caBundle": self.webhook.bundle}
        spec = {
            "group": self.group, "scope": "Namespaced", "names": {"plural": "tiles", "kind": "Tile"},
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}},
            "versions": [
                self.version("v1", {"size": {"type": "string"}}, storage=True, selectableFields=[{"jsonPath": ".spec.size"}],
                             additionalPrinterColumns=[{"name": "Size", "type": "string", "jsonPath": ".spec.size"}]),
                self.version("v2", {"width": {"type": "integer"}, "height": {"type": "integer"}}, selectableFields=[{"jsonPath": ".spec.width"}],
                             additionalPrinterColumns=[{"name": "Width", "type": "integer", "jsonPath": ".spec.width"}]),
            ]}
        self.definition = f"{DEFINITIONS}/tiles.{self.group}"
        assert self.api("POST", DEFINITIONS, json.dumps({"metadata": {"name": f"tiles.{self.group}"}, "spec": spec}))[0] == 201
        eventually(lambda: ("Established", "True") in [
            (c["type"], c["status"]) for c in self.api("GET", self.definition)[1].get("status", {}).get("conditions") or []])

    @staticmethod
    def version(name, fields, storage=False, **more):
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
        return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}, **more}

    def path(self, version, name=""):
        return f"/apis/{self.group}/{version}/namespaces/{self.kubectl.namespace}/tiles" + (f"/{name}" if name else "")

    def make(self, version, name, **spec):
        return self.api("POST", self.path(version), json.dumps({
            "apiVersion": f"{self.group}/{version}", "kind": "Tile", "metadata": {"name": name}, "spec": spec}))

    def close(self):
        self.webhook.spoil = None
        self.api("DELETE", self.definition)
        self.webhook.close()


@pytest.fixture
def tiles(kubectl, tmp_path):
    tiles = Tiles(kubectl, str(tmp_path))
    yield tiles
    tiles.close()


def test_objects_are_what_their_version_says(tiles):
    status, made = tiles.make("v2", "a", width=3, height=4)
    assert (status, made["apiVersion"], made["spec"]) == (201, f"{tiles.group}/v2", {"width": 3, "height": 4}), made
    assert tiles.api("GET", tiles.path("v1", "a"))[1]["spec"] == {"size": "3x4"}
    assert tiles.make("v1", "b", size="5x6")[0] == 201
    whole = tiles.api("GET", tiles.path("v2"))[1]
    assert [(i["metadata"]["name"], i["spec"]) for i in whole["items"]] == [
        ("a", {"width": 3, "height": 4}), ("b", {"width": 5, "height": 6})]
    assert all(i["apiVersion"] == f"{tiles.group}/v2" for i in whole["items"])

    def list_is_one_question():
        for _ in range(3):
            tiles.make("v1", f"more-{uuid.uuid4().hex[:6]}", size="1x1")
        tiles.webhook.questions.clear()
        tiles.api("GET", tiles.path("v2"))
        # The controllers' watches ask, too, for each object that is new, and perhaps just now.
        counts = [count for _, count in list(tiles.webhook.questions)]
        return len(counts) <= 1 or max(counts) > 1
    eventually(list_is_one_question, seconds=10, what="a list is one question")
    patch = json.dumps({"spec": {"width": 9}})
    status, changed = tiles.api("PATCH", tiles.path("v2", "b"), patch, headers={"Content-Type": "application/merge-patch+json"})
    assert (status, changed["spec"], changed["metadata"]["generation"]) == (200, {"width": 9, "height": 6}, 2)
    assert tiles.api("GET", tiles.path("v1", "b"))[1]["spec"] == {"size": "9x6"}
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    for version, column, cell in (("v1", "Size", "9x6"), ("v2", "Width", 9)):
        answer = tiles.api("GET", tiles.path(version, "b"), headers={"Accept": table})[1]
        assert [c["name"] for c in answer["columnDefinitions"]] == ["Name", column]
        assert answer["rows"][0]["cells"] == ["b", cell]


def test_selectors_and_watches_see_the_version_that_was_asked_for(tiles):
    tiles.make("v1", "narrow", size="1x1")
    tiles.make("v1", "wide", size="7x1")

    def names(version, selector):
        status, answer = tiles.api("GET", f"{tiles.path(version)}?fieldSelector={selector}")
        return [i["metadata"]["name"] for i in answer["items"]] if status == 200 else answer["message"]

    assert names("v2", "spec.width%3D7") == ["wide"]
    assert names("v1", "spec.size%3D1x1") == ["narrow"]
    assert names("v1", "spec.width%3D7") == "field label not supported: spec.width"
    version = tiles.api("GET", tiles.path("v2"))[1]["metadata"]["resourceVersion"]
    watcher = API()
    connection = watcher.connect(watcher.pair.name)
    connection.timeout = 10
    connection.request("GET", f"{tiles.path('v2')}?watch=true&fieldSelector=spec.width%3D7&resourceVersion={version}")
    events = connection.getresponse()
    for size, wanted in (("7x2", "MODIFIED"), ("8x1", "DELETED"), ("9x1", None), ("7x3", "ADDED")):
        patch = json.dumps({"spec": {"size": size}})
        assert tiles.api("PATCH", tiles.path("v1", "wide"), patch, headers={"Content-Type": "application/merge-patch+json"})[0] == 200
        if wanted:
            event = json.loads(events.readline())
            assert (event["type"], event["object"]["metadata"]["name"]) == (wanted, "wide")
            assert event["object"]["apiVersion"] == f"{tiles.group}/v2" and "width" in event["object"]["spec"]
    connection.close()


def renamed(response):
    response["convertedObjects"][0]["metadata"]["name"] = "other"


def unversioned(response):
    response["convertedObjects"][0]["apiVersion"] = "example.com/v9"


def failed(response):
    response["result"] = {"status": "Failed", "message": "no tiles today"}


@pytest.mark.parametrize("spoil, message", [
    (renamed, "returned invalid object: must have the same name: x != other"),
    (unversioned, "returned invalid object at index 0: invalid groupVersion (expected GROUP/v2, received example.com/v9)"),
    (failed, "failed: no tiles today"),
    (lambda response: response.update(convertedObjects=[]), "returned 0 objects, expected 1"),
    (lambda response: response.update(result={}), "failed: response.result.status was '', not 'Success'"),
], ids=["renamed", "of another version", "failed", "none", "without a result"])
def test_bad_answers_are_refused_in_upstreams_words(tiles, spoil, message):
    assert tiles.make("v1", "x", size="1x2")[0] == 201
    tiles.webhook.spoil = spoil
    status, answer = tiles.api("GET", tiles.path("v2", "x"))
    wanted = f"conversion webhook for {tiles.group}/v1, Kind=Tile {message.replace('GROUP', tiles.group)}"
    assert (status, answer["message"]) == (500, wanted)
    tiles.webhook.spoil = None
    assert tiles.api("GET", tiles.path("v2", "x"))[1]["spec"] == {"width": 1, "height": 2}


def test_metadata_but_labels_and_annotations_is_kept(tiles):
    assert tiles.make("v1", "x", size="1x2")[0] == 201

    def spoil(response):
        response["convertedObjects"][0]["metadata"].update(labels={"a": "b"}, finalizers=["example.com/x"], generation=77)
    tiles.webhook.spoil = spoil
    metadata = tiles.api("GET", tiles.path("v2", "x"))[1]["metadata"]
    assert metadata["labels"] == {"a": "b"} and metadata["annotations"] == {"converted-to": "v2"}
    assert metadata["generation"] == 1 and "finalizers" not in metadata


def test_names_that_are_taken_are_free_again_when_their_owner_goes(tiles):
    body = {"metadata": {"name": f"slates.{tiles.group}"}, "spec": {
        "group": tiles.group, "scope": "Namespaced", "names": {"plural": "slates", "kind": "Slate", "shortNames": ["tile"]},
        "versions": [tiles.version("v1", {}, storage=True)]}}
    assert tiles.api("POST", DEFINITIONS, json.dumps(body))[0] == 201
    path = f"{DEFINITIONS}/slates.{tiles.group}"

    def conditions():
        present = tiles.api("GET", path)[1].get("status", {}).get("conditions") or []
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in present}

    refused = ("False", "ShortNamesConflict", '"tile" is already in use')
    try:
        eventually(lambda: conditions().get("NamesAccepted") == refused, what="the short name is refused")
        assert conditions()["Established"][:2] == ("False", "NotAccepted")
        assert tiles.api("GET", path)[1]["status"]["acceptedNames"]["plural"] == "slates"
        tiles.api("DELETE", tiles.definition)
        eventually(lambda: conditions()["Established"][0] == "True", what="the name is free")
        assert conditions()["NamesAccepted"][:2] == ("True", "NoConflicts")
    finally:
        tiles.api("DELETE", path)
