using Livebed.Grains.Security;

namespace Livebed.Grains.Tests.Security;

/// <summary>Files of TLS that a cluster could not use are said in one line before anything is started.</summary>
public sealed class ClusterCertificatesTests : IDisposable
{
    private readonly ClusterAuthority _authority = new("cluster");

    public void Dispose() => _authority.Dispose();

    [Fact]
    public void Three_files_that_fit_are_taken_with_authorities_between_and_with_both_uses()
    {
        foreach (var (certificate, key) in new[]
        {
            _authority.Issue("plain"),
            _authority.Issue("both", uses: [ClusterAuthority.ServerUse, ClusterAuthority.ClientUse]),
            _authority.IssueBetween("far"),
        })
        {
            var (certificates, problem) = ClusterCertificates.Find(certificate, key, _authority.File);
            Assert.Null(problem);
            Assert.Equal([certificate, key, _authority.File], certificates!.Files);
            Assert.DoesNotContain("CN", $"{certificates}", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void None_of_them_is_no_TLS_and_two_of_them_are_a_mistake()
    {
        Assert.Equal((null, null), ClusterCertificates.Find(null, null, null));
        var (certificate, key) = _authority.Issue("silo");
        const string allowed = "allowed: a certificate, its key and an authority, or none of the three";
        Refused($"--tls-certificate: is missing; {allowed}", null, key, _authority.File);
        Refused($"--tls-key: is missing; {allowed}", certificate, null, _authority.File);
        Refused($"--tls-authority: is missing; {allowed}", certificate, key, null);
    }

    [Fact]
    public void Files_that_are_missing_or_something_else_are_named()
    {
        var (certificate, key) = _authority.Issue("silo");
        var nowhere = certificate + ".none";
        var text = _authority.Write("text", "no certificate\n");
        var broken = _authority.Write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        Refused($"--tls-certificate {nowhere}: there is no such file; allowed: ", nowhere, key, _authority.File);
        Refused($"--tls-key {nowhere}: there is no such file; allowed: ", certificate, nowhere, _authority.File);
        Refused($"--tls-authority {nowhere}: there is no such file; allowed: ", certificate, key, nowhere);
        Refused($"--tls-certificate {text}: has no certificate; allowed: ", text, key, _authority.File);
        Refused($"--tls-authority {text}: has no certificate; allowed: ", certificate, key, text);
        Refused($"--tls-certificate {broken}: cannot be read; allowed: ", broken, key, _authority.File);
        Refused($"--tls-key {text}: cannot be read, or is the key of another certificate; allowed: ", certificate, text, _authority.File);
    }

    [Fact]
    public void Certificates_that_the_others_would_refuse_are_refused_at_once()
    {
        var (certificate, key) = _authority.Issue("silo");
        var other = _authority.Issue("other");
        Refused(
            $"--tls-key {other.Key}: cannot be read, or is the key of another certificate; allowed: ", certificate, other.Key,
            _authority.File);
        var old = _authority.Issue("old", hours: -1);
        Refused($"--tls-certificate {old.Certificate}: has expired at ", old.Certificate, old.Key, _authority.File);
        using var stranger = new ClusterAuthority("cluster");
        Refused(
            $"--tls-certificate {certificate}: is of another authority; allowed: one of the authority, for a server", certificate, key,
            stranger.File);
        var client = _authority.Issue("client", uses: ClusterAuthority.ClientUse);
        Refused(
            $"--tls-certificate {client.Certificate}: is not meant for this use; allowed: one of the authority, for a server",
            client.Certificate, client.Key, _authority.File);
        var server = _authority.Issue("server", uses: ClusterAuthority.ServerUse);
        Refused(
            $"--tls-certificate {server.Certificate}: is not meant for this use; allowed: one of the authority, for a client",
            server.Certificate, server.Key, _authority.File);
    }

    private static void Refused(string line, string? certificate, string? key, string? authority)
    {
        var (certificates, problem) = ClusterCertificates.Find(certificate, key, authority);
        Assert.Null(certificates);
        Assert.StartsWith(line, problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem!);
    }
}
