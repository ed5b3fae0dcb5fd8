using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The files that the OTEL_EXPORTER_OTLP_* variables name for TLS with a collector. The exporter reads them when it is made, and one that
/// it cannot read would end a run in its midst. So they are looked at before.
/// </summary>
public static class OtlpCertificates
{
    private const string Authority = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    private const string Client = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
    private const string ClientKey = "OTEL_EXPORTER_OTLP_CLIENT_KEY";

    /// <param name="variable">the environment</param>
    /// <returns>what is wrong, in a line; null where nothing is</returns>
    public static string? ProblemOf(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        var (client, key) = (Set(variable(Client)), Set(variable(ClientKey)));
        if (Set(variable(Authority)) is { } authority
            && ProblemOf(Authority, authority, "a certificate in PEM", X509CertificateLoader.LoadCertificateFromFile) is { } problem)
            return problem;
        if (client is null) return key is null ? null : $"{ClientKey} {key}: is the key of no certificate; allowed: with {Client}";
        if (key is null)
            return ProblemOf(Client, client, $"PEM with the certificate and its key, unless {ClientKey} names that", One);
        return ProblemOf(Client, client, "a certificate in PEM", X509CertificateLoader.LoadCertificateFromFile)
            ?? ProblemOf(
                ClientKey, key, $"the unencrypted key in PEM of {Client}", path => X509Certificate2.CreateFromPemFile(client, path));
    }

    private static X509Certificate2 One(string path) => X509Certificate2.CreateFromPemFile(path);

    private static string? Set(string? value) => string.IsNullOrWhiteSpace(value) ? null : value;

    private static string? ProblemOf(string name, string path, string allowed, Func<string, X509Certificate2> load)
    {
        try
        {
            load(path).Dispose();
            return null;
        }
        catch (Exception problem) when (
            problem is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            return File.Exists(path) ? $"{name} {path}: cannot be read; allowed: {allowed}" : $"{name} {path}: there is no such file";
        }
    }
}
