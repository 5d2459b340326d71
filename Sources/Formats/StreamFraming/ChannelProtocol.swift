// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

/// The subprotocols that carry several streams in one WebSocket: each message begins with its channel's number.
public struct ChannelProtocol: Hashable, Sendable {
  /// What names the protocol in `Sec-WebSocket-Protocol`; empty where the client named none.
  public let name: String
  /// Whether data travel as Base64 in text messages, after the channel's digit.
  public let isBase64: Bool
  /// Whether the error channel carries a metav1.Status (version 4 and later).
  public let hasStatus: Bool
  /// Whether a client can close single channels (version 5).
  public let hasClose: Bool

  /// The channel by which version 5 closes others.
  public static let closeChannel: UInt8 = 255

  /// The protocols of exec and attach.
  public static let remoteCommand: [ChannelProtocol] = [
    ChannelProtocol(name: "", isBase64: false, hasStatus: false, hasClose: false),
    ChannelProtocol(name: "channel.k8s.io", isBase64: false, hasStatus: false, hasClose: false),
    ChannelProtocol(name: "base64.channel.k8s.io", isBase64: true, hasStatus: false, hasClose: false),
    ChannelProtocol(name: "v4.channel.k8s.io", isBase64: false, hasStatus: true, hasClose: false),
    ChannelProtocol(name: "v4.base64.channel.k8s.io", isBase64: true, hasStatus: true, hasClose: false),
    ChannelProtocol(name: "v5.channel.k8s.io", isBase64: false, hasStatus: true, hasClose: true),
  ]

  /// The protocols of port-forward.
  public static let portForward: [ChannelProtocol] = [
    ChannelProtocol(name: "", isBase64: false, hasStatus: false, hasClose: false),
    ChannelProtocol(name: "v4.channel.k8s.io", isBase64: false, hasStatus: false, hasClose: false),
    ChannelProtocol(name: "v4.base64.channel.k8s.io", isBase64: true, hasStatus: false, hasClose: false),
  ]

  /// The first protocol of the client's list that the server knows; nil where there is none.
  public static func negotiate(_ offered: [String], among known: [ChannelProtocol]) -> ChannelProtocol? {
    if offered.isEmpty { return known.first { $0.name.isEmpty } }
    for name: String in offered {
      if let found: ChannelProtocol = known.first(where: { $0.name == name }) { return found }
    }
    return nil
  }

  /// What a message says.
  public enum Event: Hashable, Sendable {
    /// Data for a channel.
    case data(channel: UInt8, [UInt8])
    /// The client has no more data for a channel.
    case close(channel: UInt8)
  }

  /// Reads a message; nil for one without content.
  public func event(_ message: [UInt8]) throws(StreamFramingError) -> Event? {
    guard let first: UInt8 = message.first else { return nil }
    let rest: ArraySlice<UInt8> = message.dropFirst()
    if isBase64 {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), let data: [UInt8] = Base64Text.decode(rest) else {
        throw StreamFramingError(.protocolError, "a message of \(name) is no channel digit and Base64")
      }
      return .data(channel: first - UInt8(ascii: "0"), data)
    }
    if hasClose, first == Self.closeChannel {
      guard let channel: UInt8 = rest.first else {
        throw StreamFramingError(.protocolError, "a close message of \(name) names no channel")
      }
      return .close(channel: channel)
    }
    return .data(channel: first, Array(rest))
  }

  /// Data for a channel, as a message.
  public func message(channel: UInt8, _ data: [UInt8]) -> WebSocketMessage {
    if isBase64 { return .text([UInt8(ascii: "0") + channel] + Base64Text.encodeBytes(data)) }
    return .binary([channel] + data)
  }
}
