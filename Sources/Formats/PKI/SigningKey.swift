// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import SwiftASN1
public import X509
import _CryptoExtras

/// A private key, as certificates and service account tokens are signed with.
public struct SigningKey: Sendable {
  /// What a new key is.
  public enum Algorithm: Sendable {
    /// ECDSA on P-256: made in microseconds, and small.
    case p256
    /// RSA with 2048 bits: kubeadm's choice; takes some 100 ms to make.
    case rsa2048
  }

  /// The key as swift-certificates has it.
  public let key: Certificate.PrivateKey
  /// PKCS #8, SEC 1 or PKCS #1, as it was read or made.
  public let pem: String

  /// Makes a key.
  public init(_ algorithm: Algorithm) throws(PKIError) {
    switch algorithm {
    case .p256:
      let key: P256.Signing.PrivateKey = P256.Signing.PrivateKey()
      self.key = Certificate.PrivateKey(key)
      pem = key.pemRepresentation + "\n"
    case .rsa2048:
      do {
        let key: _RSA.Signing.PrivateKey = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        self.key = Certificate.PrivateKey(key)
        pem = key.pemRepresentation + "\n"
      } catch {
        throw PKIError(.signingFailed, "cannot make an RSA key: \(error)")
      }
    }
  }

  /// Reads a key in PEM form.
  public init(pem: String) throws(PKIError) {
    do {
      key = try Certificate.PrivateKey(pemEncoded: pem)
      self.pem = pem
    } catch {
      throw PKIError(.malformed, "not a private key in PEM form: \(error)")
    }
  }

  /// The public key in PEM form (SubjectPublicKeyInfo).
  public var publicKeyPEM: String {
    get throws(PKIError) {
      do {
        return try key.publicKey.serializeAsPEM().pemString + "\n"
      } catch {
        throw PKIError(.malformed, "cannot write the public key: \(error)")
      }
    }
  }
}
