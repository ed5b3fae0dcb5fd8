using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Livebed.Grains.Security;

/// <summary>
/// What a silo or a driver shows to the others of its cluster, and by which authority it knows them: both ends of a connection show a
/// certificate of the authority, and what follows is encrypted. Names in certificates are not looked at, since silos have addresses that
/// change; whoever has a certificate of the authority belongs to the cluster. Read once, when the process starts.
/// </summary>
public sealed class ClusterCertificates
{
    public const string CertificateOption = "--tls-certificate";
    public const string KeyOption = "--tls-key";
    public const string AuthorityOption = "--tls-authority";

    /// <summary>All of them, or none.</summary>
    public static IReadOnlyList<string> Options { get; } = [CertificateOption, KeyOption, AuthorityOption];

    private const string Dated = "yyyy-MM-dd HH:mm:ss'Z'";

    /// <summary>A page connection is none of Orleans', and the other way round.</summary>
    private static readonly SslApplicationProtocol _pages = new("livebed-pages-1");

    private static readonly Oid _serverUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid _clientUse = new("1.3.6.1.5.5.7.3.2");

    private readonly X509Certificate2Collection _authorities;
    private readonly SslStreamCertificateContext _shown;

    private ClusterCertificates(
        IReadOnlyList<string> files, X509Certificate2 own, X509Certificate2Collection issuers, X509Certificate2Collection authorities)
    {
        (Files, Own, _authorities) = ([.. files.Select(Path.GetFullPath)], own, authorities);
        _shown = SslStreamCertificateContext.Create(own, issuers, offline: true);
    }

    /// <summary>The files, in the order of <see cref="Options"/>.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>With its key.</summary>
    internal X509Certificate2 Own { get; }

    /// <summary>The certificates of three files in PEM.</summary>
    /// <param name="certificate">the file with the certificate and, after it, those between it and the authority; null for none</param>
    /// <param name="key">the file with its key, without a password; null for none</param>
    /// <param name="authority">the file with the authority's certificate, or several; null for none</param>
    /// <returns>the certificates, or what is wrong in one line, or neither</returns>
    public static (ClusterCertificates? Certificates, string? Problem) Find(string? certificate, string? key, string? authority)
    {
        string?[] files = [certificate, key, authority];
        if (files.All(file => file is null)) return (null, null);
        if (Array.IndexOf(files, null) is >= 0 and var missing)
            return (null, $"{Options[missing]}: is missing; allowed: a certificate, its key and an authority, or none of the three");
        try
        {
            return (Read(certificate!, key!, authority!), null);
        }
        catch (UnusableException problem)
        {
            return (null, problem.Message);
        }
    }

    /// <summary>For the end of a connection that was connected to.</summary>
    internal void Accept(SslServerAuthenticationOptions options, PeerVerdict verdict)
    {
        options.ServerCertificate = null;
        options.ServerCertificateSelectionCallback = null;
        options.ServerCertificateContext = _shown;
        options.ClientCertificateRequired = true;
        options.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        options.AllowRenegotiation = false;

        // Every connection shows its certificate anew.
        options.AllowTlsResume = false;
        options.CertificateChainPolicy = PolicyFor(_clientUse);
        options.RemoteCertificateValidationCallback = verdict.Judge;
    }

    /// <summary>For the end that connects.</summary>
    internal void Connect(SslClientAuthenticationOptions options, PeerVerdict verdict)
    {
        options.ClientCertificates = null;
        options.LocalCertificateSelectionCallback = null;
        options.ClientCertificateContext = _shown;
        options.TargetHost = string.Empty;
        options.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        options.AllowRenegotiation = false;
        options.AllowTlsResume = false;
        options.CertificateChainPolicy = PolicyFor(_serverUse);
        options.RemoteCertificateValidationCallback = verdict.Judge;
    }

    internal SslServerAuthenticationOptions AcceptPages(PeerVerdict verdict)
    {
        var options = new SslServerAuthenticationOptions { ApplicationProtocols = [_pages] };
        Accept(options, verdict);
        return options;
    }

    internal SslClientAuthenticationOptions ConnectPages(PeerVerdict verdict)
    {
        var options = new SslClientAuthenticationOptions { ApplicationProtocols = [_pages] };
        Connect(options, verdict);
        return options;
    }

    /// <summary>Nothing that is in a log or a message.</summary>
    public override string ToString() => "certificates";

    /// <summary>The authority of the files alone, whatever the machine trusts; nothing is fetched from anywhere.</summary>
    private X509ChainPolicy PolicyFor(Oid use) => PolicyFor(_authorities, use);

    private static X509ChainPolicy PolicyFor(X509Certificate2Collection authorities, Oid use)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        policy.ApplicationPolicy.Add(use);
        return policy;
    }

    private static ClusterCertificates Read(string certificate, string key, string authority)
    {
        var shown = Load(CertificateOption, certificate, "the certificate in PEM, then those between it and the authority");
        var authorities = Load(AuthorityOption, authority, "the authority's certificate in PEM");
        RequireCurrent(AuthorityOption, authority, [.. authorities.OrderByDescending(one => one.NotAfter)]);
        RequireCurrent(CertificateOption, certificate, shown);
        var own = WithKey(certificate, key);
        shown.RemoveAt(0);
        foreach (var (use, name) in new[] { (_serverUse, "server"), (_clientUse, "client") })
            RequireChain(certificate, own, shown, PolicyFor(authorities, use), name);
        return new ClusterCertificates([certificate, key, authority], own, shown, authorities);
    }

    private static X509Certificate2Collection Load(string option, string file, string allowed)
    {
        if (!File.Exists(file)) throw new UnusableException($"{option} {file}: there is no such file; allowed: {allowed}");
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPemFile(file);
        }
        catch (Exception failure) when (IsUnreadable(failure))
        {
            throw new UnusableException($"{option} {file}: cannot be read; allowed: {allowed}");
        }

        return certificates.Count > 0
            ? certificates
            : throw new UnusableException($"{option} {file}: has no certificate; allowed: {allowed}");
    }

    private static X509Certificate2 WithKey(string certificate, string key)
    {
        const string allowed = "the certificate's key in PEM, without a password";
        if (!File.Exists(key)) throw new UnusableException($"{KeyOption} {key}: there is no such file; allowed: {allowed}");
        try
        {
            var own = X509Certificate2.CreateFromPemFile(certificate, key);
            if (!OperatingSystem.IsWindows()) return own;

            // Windows shows no certificate whose key is in memory alone.
            using (own) return X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null);
        }
        catch (Exception failure) when (IsUnreadable(failure))
        {
            throw new UnusableException(
                $"{KeyOption} {key}: cannot be read, or is the key of another certificate; allowed: {allowed}");
        }
    }

    private static void RequireCurrent(string option, string file, X509Certificate2Collection certificates)
    {
        var (first, now) = (certificates[0], DateTime.UtcNow);
        var (from, until) = (first.NotBefore.ToUniversalTime(), first.NotAfter.ToUniversalTime());
        const string allowed = "one that is valid now";
        if (now > until)
            throw new UnusableException(
                $"{option} {file}: has expired at {until.ToString(Dated, CultureInfo.InvariantCulture)}; allowed: {allowed}");
        if (now < from)
            throw new UnusableException(
                $"{option} {file}: is valid from {from.ToString(Dated, CultureInfo.InvariantCulture)} on; allowed: {allowed}");
    }

    /// <summary>What the others would refuse is said here, before anything is started.</summary>
    private static void RequireChain(
        string file, X509Certificate2 own, X509Certificate2Collection issuers, X509ChainPolicy policy, string use)
    {
        policy.ExtraStore.AddRange(issuers);
        using var chain = new X509Chain { ChainPolicy = policy };
        if (chain.Build(own)) return;
        throw new UnusableException(
            $"{CertificateOption} {file}: {PeerVerdict.Explain(chain)}; allowed: one of the authority, for a {use}");
    }

    private static bool IsUnreadable(Exception failure) =>
        failure is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException;

    private sealed class UnusableException(string message) : Exception(message);
}
