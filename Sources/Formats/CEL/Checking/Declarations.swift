// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// A function as the checker knows it: what it takes and what it gives.
struct Overload: Sendable {
  var target: CELType?
  var arguments: [CELType]
  var result: CELType
}

/// The functions of the language and of Kubernetes' libraries.
enum Declarations {
  static let overloads: [String: [Overload]] = read(standard + strings + kubernetes)

  /// `name|target?(arguments)->result`, one a line; capital letters are open types.
  private static let standard: String = """
    !_|(bool)->bool
    -_|(int)->int
    -_|(double)->double
    _&&_|(bool,bool)->bool
    _||_|(bool,bool)->bool
    _?_:_|(bool,A,A)->A
    _==_|(A,A)->bool
    _!=_|(A,A)->bool
    @in|(A,list(A))->bool
    @in|(A,map(A,B))->bool
    _[_]|(list(A),int)->A
    _[_]|(map(A,B),A)->B
    _[_]|(optional(list(A)),int)->optional(A)
    _[_]|(optional(map(A,B)),A)->optional(B)
    _[?_]|(list(A),int)->optional(A)
    _[?_]|(map(A,B),A)->optional(B)
    _[?_]|(optional(list(A)),int)->optional(A)
    _[?_]|(optional(map(A,B)),A)->optional(B)
    _+_|(int,int)->int
    _+_|(uint,uint)->uint
    _+_|(double,double)->double
    _+_|(string,string)->string
    _+_|(bytes,bytes)->bytes
    _+_|(list(A),list(A))->list(A)
    _+_|(timestamp,duration)->timestamp
    _+_|(duration,timestamp)->timestamp
    _+_|(duration,duration)->duration
    _-_|(int,int)->int
    _-_|(uint,uint)->uint
    _-_|(double,double)->double
    _-_|(timestamp,timestamp)->duration
    _-_|(timestamp,duration)->timestamp
    _-_|(duration,duration)->duration
    _*_|(int,int)->int
    _*_|(uint,uint)->uint
    _*_|(double,double)->double
    _/_|(int,int)->int
    _/_|(uint,uint)->uint
    _/_|(double,double)->double
    _%_|(int,int)->int
    _%_|(uint,uint)->uint
    size|(string)->int
    size|(bytes)->int
    size|(list(A))->int
    size|(map(A,B))->int
    size|string()->int
    size|bytes()->int
    size|list(A)()->int
    size|map(A,B)()->int
    contains|string(string)->bool
    startsWith|string(string)->bool
    endsWith|string(string)->bool
    matches|string(string)->bool
    matches|(string,string)->bool
    int|(int)->int
    int|(uint)->int
    int|(double)->int
    int|(string)->int
    int|(timestamp)->int
    uint|(uint)->uint
    uint|(int)->uint
    uint|(double)->uint
    uint|(string)->uint
    double|(double)->double
    double|(int)->double
    double|(uint)->double
    double|(string)->double
    bool|(bool)->bool
    bool|(string)->bool
    string|(string)->string
    string|(bool)->string
    string|(int)->string
    string|(uint)->string
    string|(double)->string
    string|(bytes)->string
    string|(timestamp)->string
    string|(duration)->string
    bytes|(bytes)->bytes
    bytes|(string)->bytes
    timestamp|(timestamp)->timestamp
    timestamp|(string)->timestamp
    timestamp|(int)->timestamp
    duration|(duration)->duration
    duration|(string)->duration
    duration|(int)->duration
    dyn|(A)->dyn
    type|(A)->type
    getFullYear|timestamp()->int
    getFullYear|timestamp(string)->int
    getMonth|timestamp()->int
    getMonth|timestamp(string)->int
    getDayOfYear|timestamp()->int
    getDayOfYear|timestamp(string)->int
    getDayOfMonth|timestamp()->int
    getDayOfMonth|timestamp(string)->int
    getDate|timestamp()->int
    getDate|timestamp(string)->int
    getDayOfWeek|timestamp()->int
    getDayOfWeek|timestamp(string)->int
    getHours|timestamp()->int
    getHours|timestamp(string)->int
    getHours|duration()->int
    getMinutes|timestamp()->int
    getMinutes|timestamp(string)->int
    getMinutes|duration()->int
    getSeconds|timestamp()->int
    getSeconds|timestamp(string)->int
    getSeconds|duration()->int
    getMilliseconds|timestamp()->int
    getMilliseconds|timestamp(string)->int
    getMilliseconds|duration()->int
    optional.of|(A)->optional(A)
    optional.ofNonZeroValue|(A)->optional(A)
    optional.none|()->optional(A)
    hasValue|optional(A)()->bool
    value|optional(A)()->A
    or|optional(A)(optional(A))->optional(A)
    orValue|optional(A)(A)->A

    """

  private static let strings: String = """
    charAt|string(int)->string
    indexOf|string(string)->int
    indexOf|string(string,int)->int
    lastIndexOf|string(string)->int
    lastIndexOf|string(string,int)->int
    join|list(string)()->string
    join|list(string)(string)->string
    lowerAscii|string()->string
    upperAscii|string()->string
    replace|string(string,string)->string
    replace|string(string,string,int)->string
    split|string(string)->list(string)
    split|string(string,int)->list(string)
    substring|string(int)->string
    substring|string(int,int)->string
    trim|string()->string
    reverse|string()->string
    format|string(list(dyn))->string
    strings.quote|(string)->string
    find|string(string)->string
    findAll|string(string)->list(string)
    findAll|string(string,int)->list(string)
    base64.encode|(bytes)->string
    base64.decode|(string)->bytes
    sets.contains|(list(A),list(A))->bool
    sets.equivalent|(list(A),list(A))->bool
    sets.intersects|(list(A),list(A))->bool
    isSorted|list(A)()->bool
    sum|list(A)()->A
    min|list(A)()->A
    max|list(A)()->A
    indexOf|list(A)(A)->int
    lastIndexOf|list(A)(A)->int

    """

  private static let kubernetes: String = """
    url|(string)->URL
    isURL|(string)->bool
    getScheme|URL()->string
    getHost|URL()->string
    getHostname|URL()->string
    getPort|URL()->string
    getEscapedPath|URL()->string
    getQuery|URL()->map(string,list(string))
    ip|(string)->IP
    isIP|(string)->bool
    ip.isCanonical|(string)->bool
    family|IP()->int
    isUnspecified|IP()->bool
    isLoopback|IP()->bool
    isLinkLocalMulticast|IP()->bool
    isLinkLocalUnicast|IP()->bool
    isGlobalUnicast|IP()->bool
    string|(IP)->string
    string|(CIDR)->string
    cidr|(string)->CIDR
    isCIDR|(string)->bool
    containsIP|CIDR(string)->bool
    containsIP|CIDR(IP)->bool
    containsCIDR|CIDR(string)->bool
    containsCIDR|CIDR(CIDR)->bool
    ip|CIDR()->IP
    masked|CIDR()->CIDR
    prefixLength|CIDR()->int
    quantity|(string)->Quantity
    isQuantity|(string)->bool
    isInteger|Quantity()->bool
    asInteger|Quantity()->int
    asApproximateFloat|Quantity()->double
    sign|Quantity()->int
    add|Quantity(Quantity)->Quantity
    add|Quantity(int)->Quantity
    sub|Quantity(Quantity)->Quantity
    sub|Quantity(int)->Quantity
    isLessThan|Quantity(Quantity)->bool
    isGreaterThan|Quantity(Quantity)->bool
    compareTo|Quantity(Quantity)->int
    semver|(string)->Semver
    semver|(string,bool)->Semver
    isSemver|(string)->bool
    isSemver|(string,bool)->bool
    major|Semver()->int
    minor|Semver()->int
    patch|Semver()->int
    isLessThan|Semver(Semver)->bool
    isGreaterThan|Semver(Semver)->bool
    compareTo|Semver(Semver)->int
    format.named|(string)->optional(Format)
    jsonpatch.escapeKey|(string)->string
    validate|Format(string)->optional(list(string))
    path|Authorizer(string)->PathCheck
    check|PathCheck(string)->Decision
    group|Authorizer(string)->GroupCheck
    serviceAccount|Authorizer(string,string)->Authorizer
    resource|GroupCheck(string)->ResourceCheck
    subresource|ResourceCheck(string)->ResourceCheck
    namespace|ResourceCheck(string)->ResourceCheck
    name|ResourceCheck(string)->ResourceCheck
    fieldSelector|ResourceCheck(string)->ResourceCheck
    labelSelector|ResourceCheck(string)->ResourceCheck
    check|ResourceCheck(string)->Decision
    allowed|Decision()->bool
    reason|Decision()->string
    errored|Decision()->bool
    error|Decision()->string

    """

  /// Library types by the short names of the tables.
  private static let opaque: [String: String] = [
    "URL": "kubernetes.URL", "IP": "net.IP", "CIDR": "net.CIDR", "Quantity": "kubernetes.Quantity",
    "Semver": "kubernetes.Semver", "Format": "kubernetes.NamedFormat",
    "Authorizer": "kubernetes.authorization.Authorizer", "PathCheck": "kubernetes.authorization.PathCheck",
    "GroupCheck": "kubernetes.authorization.GroupCheck", "ResourceCheck": "kubernetes.authorization.ResourceCheck",
    "Decision": "kubernetes.authorization.Decision",
  ]

  private static func read(_ table: String) -> [String: [Overload]] {
    var result: [String: [Overload]] = [:]
    for line: Substring in table.split(separator: "\n") {
      let parts: [Substring] = line.split(separator: "|", omittingEmptySubsequences: false)
      // The logical or has bars in its name.
      let name: String = parts.dropLast().joined(separator: "|")
      var reader: TypeReader = TypeReader(String(parts[parts.count - 1]), opaque)
      result[name, default: []].append(reader.overload())
    }
    for symbol: String in ["<", "<=", ">", ">="] {
      let types: [CELType] = [.bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration]
      var all: [Overload] = types.map { Overload(arguments: [$0, $0], result: .bool) }
      let numbers: [CELType] = [.int, .uint, .double]
      for left: CELType in numbers {
        for right: CELType in numbers where left != right { all.append(Overload(arguments: [left, right], result: .bool)) }
      }
      result["_\(symbol)_"] = all
    }
    return result
  }
}

/// Reads the signatures of the tables.
private struct TypeReader {
  private var rest: Substring
  private let opaque: [String: String]

  init(_ text: String, _ opaque: [String: String]) {
    rest = text[...]
    self.opaque = opaque
  }

  mutating func overload() -> Overload {
    let target: CELType? = rest.first == "(" ? nil : type(hasArguments: true)
    let arguments: [CELType] = list()
    rest = rest.dropFirst(2)
    return Overload(target: target, arguments: arguments, result: type(hasArguments: false))
  }

  private mutating func list() -> [CELType] {
    var types: [CELType] = []
    rest = rest.dropFirst()
    while rest.first != ")", !rest.isEmpty {
      types.append(type(hasArguments: false))
      if rest.first == "," { rest = rest.dropFirst() }
    }
    rest = rest.dropFirst()
    return types
  }

  private mutating func type(hasArguments: Bool) -> CELType {
    let name: String = String(rest.prefix { $0.isLetter })
    rest = rest.dropFirst(name.count)
    let takesTypes: Bool = ["list", "map", "optional"].contains(name)
    let inner: [CELType] = takesTypes ? list() : []
    switch name {
    case "bool": return .bool
    case "int": return .int
    case "uint": return .uint
    case "double": return .double
    case "string": return .string
    case "bytes": return .bytes
    case "timestamp": return .timestamp
    case "duration": return .duration
    case "dyn": return .dyn
    case "type": return .type
    case "list": return .list(inner[0])
    case "map": return .map(inner[0], inner[1])
    case "optional": return .optional(inner[0])
    default: return opaque[name].map { .opaque($0, []) } ?? .parameter(name)
    }
  }
}
