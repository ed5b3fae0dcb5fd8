using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Livebed.Grains.Tests.Security;

/// <summary>An authority that issues certificates into files, which are gone with it.</summary>
internal sealed class ClusterAuthority : IDisposable
{
    public const string ServerUse = "1.3.6.1.5.5.7.3.1";
    public const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private static readonly TimeSpan Validity = TimeSpan.FromDays(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("livebed-tls-").FullName;
    private readonly X509Certificate2 _authority;

    public ClusterAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _authority = RequestOfAuthority(name, key).CreateSelfSigned(Now - Validity, Now + Validity);
        File = Write("ca.crt", _authority.ExportCertificatePem());
    }

    /// <summary>With the authority's certificate.</summary>
    public string File { get; }

    private static DateTimeOffset Now => DateTimeOffset.UtcNow;

    /// <summary>A file's path in the authority's folder, with this text in it.</summary>
    public string Write(string name, string text)
    {
        var file = Path.Combine(_folder, name);
        System.IO.File.WriteAllText(file, text);
        return file;
    }

    /// <summary>A certificate and its key, as files.</summary>
    /// <param name="name">its, and that of the files</param>
    /// <param name="hours">for which it is valid from now on; less than 0 for one that has expired</param>
    /// <param name="uses">what it is meant for; none for everything</param>
    public (string Certificate, string Key) Issue(string name, int hours = 24, params string[] uses)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issued = IssueBy(_authority, name, key, Now.AddHours(hours), uses);
        return (Write($"{name}.crt", issued.ExportCertificatePem()), Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()));
    }

    /// <summary>The same by an authority between, whose certificate is in the file too.</summary>
    public (string Certificate, string Key) IssueBetween(string name)
    {
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middle = RequestOfAuthority($"between {name}", middleKey)
            .Create(_authority, Now.AddHours(-1), Now.AddHours(1), RandomNumberGenerator.GetBytes(8)).CopyWithPrivateKey(middleKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issued = IssueBy(middle, name, key, Now.AddMinutes(30), []);
        var file = Write($"{name}.crt", $"{issued.ExportCertificatePem()}\n{middle.ExportCertificatePem()}\n");
        return (file, Write($"{name}.key", key.ExportPkcs8PrivateKeyPem()));
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static CertificateRequest RequestOfAuthority(string name, ECDsa key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        return request;
    }

    private static X509Certificate2 IssueBy(X509Certificate2 issuer, string name, ECDsa key, DateTimeOffset until, string[] uses)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        if (uses.Length > 0)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. uses.Select(use => new Oid(use))], critical: false));
        var from = new[] { Now.AddHours(-1), until.AddHours(-1) }.Min();
        if (from < issuer.NotBefore) from = issuer.NotBefore;
        return request.Create(issuer, from, until, RandomNumberGenerator.GetBytes(8));
    }
}
