// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import NIOHTTP1
import Testing

@testable import APIServer

struct LinkRewritingTests {
  private let links: LinkRewriting = LinkRewriting(host: "10.0.0.1:80", prefix: "/p/proxy")

  @Test(arguments: [
    ("/a?b#c", "/p/proxy/a?b#c"), ("a/b", "a/b"), ("../a", "../a"), ("", ""), ("#x", "#x"), ("/p/proxy/a", "/p/proxy/a"),
    ("http://10.0.0.1:80/a", "/p/proxy/a"), ("http://example.com/a", "http://example.com/a"), ("//10.0.0.1:80/a", "/p/proxy/a"),
    ("mailto:a@b", "mailto:a@b"),
  ])
  func linksLeadThroughTheProxy(link: String, wanted: String) {
    #expect(links.rewritten(link) == wanted)
  }

  @Test(arguments: [
    (#"<a href="/x">"#, #"<a href="/p/proxy/x">"#), ("<A HREF='/x' class=/y>t</A>", "<A HREF='/p/proxy/x' class=/y>t</A>"),
    ("<img src=/x alt=y>", "<img src=/p/proxy/x alt=y>"), (#"<p href="/x">"#, #"<p href="/x">"#),
    (#"<a title="a > b" href="/x">"#, #"<a title="a > b" href="/p/proxy/x">"#), ("a < b <a href", "a < b <a href"),
    (#"<!-- don't --><a href="/x">"#, #"<!-- don't --><a href="/p/proxy/x">"#), ("<", "<"), ("<a href=", "<a href="),
    (#"<a href = "/x" / >"#, #"<a href ="/p/proxy/x" / >"#),
  ])
  func pagesKeepEverythingElse(page: String, wanted: String) {
    #expect(String(decoding: links.rewrite(page: Array(page.utf8)), as: UTF8.self) == wanted)
  }

  @Test func onlyPlainPagesAreRead() {
    #expect(links.concerns(["content-type": "text/html; charset=utf-8"]))
    #expect(!links.concerns(["content-type": "text/html", "content-encoding": "gzip"]))
    #expect(!links.concerns(["content-type": "application/json"]))
  }
}
