using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>What the files of TLS must be is said before a run begins.</summary>
public sealed class OtlpCertificatesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("livebed-tls-").FullName;

    public OtlpCertificatesTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=any", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        Write("cert.pem", certificate.ExportCertificatePem());
        Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        Write("other.pem", other.ExportPkcs8PrivateKeyPem());
        Write("both.pem", certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        Write("text.pem", "no certificate");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData("", " ", "", null)]
    [InlineData("cert.pem", "cert.pem", "key.pem", null)]
    [InlineData(null, "both.pem", null, null)]
    [InlineData("gone.pem", null, null, "OTEL_EXPORTER_OTLP_CERTIFICATE gone.pem: there is no such file")]
    [InlineData("text.pem", null, null, "OTEL_EXPORTER_OTLP_CERTIFICATE text.pem: cannot be read; allowed: a certificate in PEM")]
    [InlineData(
        null, "cert.pem", null,
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE cert.pem: cannot be read; "
            + "allowed: PEM with the certificate and its key, unless OTEL_EXPORTER_OTLP_CLIENT_KEY names that")]
    [InlineData(
        null, null, "key.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY key.pem: is the key of no certificate; allowed: with OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")]
    [InlineData(
        null, "cert.pem", "other.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY other.pem: cannot be read; "
            + "allowed: the unencrypted key in PEM of OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")]
    public void Each_file_is_read_and_what_is_wrong_is_one_line(string? authority, string? client, string? key, string? problem)
    {
        var found = OtlpCertificates.ProblemOf(name => name switch
        {
            "OTEL_EXPORTER_OTLP_CERTIFICATE" => PathOf(authority),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" => PathOf(client),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY" => PathOf(key),
            _ => null,
        });
        Assert.Equal(problem, found?.Replace(_folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal));
    }

    private string? PathOf(string? file) => string.IsNullOrWhiteSpace(file) ? file : Path.Combine(_folder, file);

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_folder, file), text);
}
