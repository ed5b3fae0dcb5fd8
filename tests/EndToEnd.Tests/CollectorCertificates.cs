using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Livebed.Driver.Tests;

namespace Livebed.EndToEnd.Tests;

/// <summary>An authority, a collector's certificate for 127.0.0.1 and a client's, as files that end with the test's folder.</summary>
internal sealed class CollectorCertificates
{
    private static readonly TimeSpan Validity = TimeSpan.FromDays(1);

    public CollectorCertificates(TemporaryFolder folder, string name)
    {
        (Authority, Server) = (folder.PathOf($"{name}-ca.pem"), folder.PathOf($"{name}-server.p12"));
        (Client, ClientKey) = (folder.PathOf($"{name}-client.pem"), folder.PathOf($"{name}-client.key"));
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using var authority = request.CreateSelfSigned(Now - Validity, Now + Validity);
        File.WriteAllText(Authority, authority.ExportCertificatePem());
        using var server = Issue(authority, "collector");
        File.WriteAllBytes(Server, server.Export(X509ContentType.Pkcs12));
        using var client = Issue(authority, "livebed");
        File.WriteAllText(Client, client.ExportCertificatePem());
        File.WriteAllText(ClientKey, client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    public string Authority { get; }
    public string Server { get; }
    public string Client { get; }
    public string ClientKey { get; }

    private static DateTimeOffset Now => DateTimeOffset.UtcNow;

    /// <summary>For 127.0.0.1, as a server and as a client.</summary>
    private static X509Certificate2 Issue(X509Certificate2 authority, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var serial = RandomNumberGenerator.GetBytes(8);
        using var issued = request.Create(authority, Now - (Validity / 2), Now + (Validity / 2), serial);
        return issued.CopyWithPrivateKey(key);
    }
}
