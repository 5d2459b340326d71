// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import CEL
import Testing

@Suite struct LibraryTests {
  @Test(arguments: [
    "'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.contains('ell')", "'hello'.matches('^h.*o$')",
    "'tacocat'.charAt(3) == 'o'", "'a,b,c'.split(',') == ['a', 'b', 'c']", "'a,b,c'.split(',', 2) == ['a', 'b,c']",
    "'abc'.split('') == ['a', 'b', 'c']", "['a', 'b'].join('-') == 'a-b'", "'hello'.indexOf('l') == 2",
    "'hello'.lastIndexOf('l') == 3", "'hello'.indexOf('') == 0", "'TacoCat'.lowerAscii() == 'tacocat'",
    "'tacocat'.substring(4) == 'cat'", "'tacocat'.substring(0, 4) == 'taco'", "'  a b '.trim() == 'a b'",
    "'aaa'.replace('a', 'b', 2) == 'bba'", "'ab'.replace('', '_') == '_a_b_'", "'gums'.reverse() == 'smug'",
    "strings.quote('a\\n\"b\"') == '\"a\\\\n\\\\\"b\\\\\"\"'", "'%s is %d, %.2f, %x'.format(['a', 5, 1.005, 255]) == 'a is 5, 1.00, ff'",
    "'%s'.format([[1, 'a']]) == '[1, a]'", "'abc 123'.find('[0-9]+') == '123'", "'1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
    "base64.encode(b'hello') == 'aGVsbG8='", "base64.decode('aGVsbG8=') == b'hello'",
  ])
  func `strings are taken apart and put together`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    "[1, 2, 3].isSorted()", "![2, 1].isSorted()", "[1, 2, 3].sum() == 6", "['b', 'a'].min() == 'a'", "[1, 3, 2].max() == 3",
    "[1, 2, 1].indexOf(1) == 0", "[1, 2, 1].lastIndexOf(1) == 2", "sets.contains([1, 2, 3], [2])",
    "sets.equivalent([1, 2, 2], [2, 1])", "!sets.intersects([1], [2])",
  ])
  func `lists are sorted, summed and compared as sets`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }

  @Test(arguments: [
    "ip('192.168.0.1').family() == 4", "ip('2001:db8::1').family() == 6", "isIP('127.0.0.1') && !isIP('1.2.3.256')",
    "ip('127.0.0.1').isLoopback()", "ip('2001:db8::abcd') == ip('2001:DB8::ABCD')", "!ip.isCanonical('2001:DB8::ABCD')",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3')", "!cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
    "cidr('10.0.0.0/8').prefixLength() == 8", "!isCIDR('10.0.0.0/33')",
    "quantity('1.5Gi').isGreaterThan(quantity('1Gi'))", "quantity('50k').add(20) == quantity('50020')",
    "quantity('1').compareTo(quantity('1000m')) == 0", "quantity('5').asInteger() == 5", "!isQuantity('10Mo')",
    "quantity('-1').sign() == -1", "url('https://example.com:80/path?k=a&k=b').getHost() == 'example.com:80'",
    "url('https://[::1]:80/').getHostname() == '::1'", "url('/a/b').getEscapedPath() == '/a/b'", "!isURL('../relative')",
    "url('https://h/?k=a&k=b').getQuery() == {'k': ['a', 'b']}", "semver('1.2.3').major() == 1",
    "semver('1.0.0-beta').isLessThan(semver('1.0.0'))", "isSemver('v1.0', true) && !isSemver('v1.0')",
    "semver('1.2.3').compareTo(semver('1.10.0')) == -1", "!format.named('dns1123Label').value().validate('a-b').hasValue()",
    "format.named('dns1123Label').value().validate('A_B').hasValue()", "!format.named('no such').hasValue()",
  ])
  func `Kubernetes' own types are there`(_ text: String) throws { #expect(try evaluate(text) == .bool(true)) }
}
