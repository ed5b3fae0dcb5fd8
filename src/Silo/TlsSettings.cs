using System.CommandLine;
using Livebed.Grains.Hosting;
using Livebed.Grains.Security;

namespace Livebed.Silo;

/// <summary>The settings of a silo that name the files of TLS.</summary>
internal static class TlsSettings
{
    private static readonly Option<string?> _certificate = new(SiloArguments.TlsCertificate)
    {
        Description = "a file in PEM with the certificate that the silo shows to silos and drivers; with it, connections are encrypted",
    };

    private static readonly Option<string?> _key = new(SiloArguments.TlsKey)
    {
        Description = "a file in PEM with the certificate's key, without a password",
    };

    private static readonly Option<string?> _authority = new(SiloArguments.TlsAuthority)
    {
        Description = "a file in PEM with the authority of which the others must have certificates",
    };

    /// <summary>All of them are given, or none is.</summary>
    public static IReadOnlyList<Option> Options => [_certificate, _key, _authority];

    /// <returns>the certificates, or what is wrong in one line, or neither</returns>
    public static (ClusterCertificates? Certificates, string? Problem) Find(SettingSources sources) => ClusterCertificates.Find(
        sources.ValueOf(_certificate.Name), sources.ValueOf(_key.Name), sources.ValueOf(_authority.Name));
}
