using System.CommandLine;
using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Running;
using Livebed.Grains.Hosting;
using Livebed.Grains.Security;

namespace Livebed.Driver.Clusters;

/// <summary>The settings by which a driver finds a cluster: from a file, the environment and the command line, the last that has one. They
/// have the names that a silo's settings have.</summary>
internal sealed class ConnectionOptions
{
    private const int JoinSecondsMax = 3_600;

    /// <summary>Where the membership table is.</summary>
    public Option<string?> Redis { get; } = new(SiloArguments.Redis)
    {
        HelpName = "HOST:PORT",
        Description = "the Redis with the cluster's membership table",
    };
    private readonly Option<string?> _clusterId = new(SiloArguments.ClusterId)
    {
        HelpName = "ID",
        Description = "which cluster of that Redis [livebed]",
    };
    private readonly Option<string?> _secretFile = new(SiloArguments.SecretFile)
    {
        HelpName = "FILE",
        Description = "what the driver proves to the silos that it knows",
    };
    private readonly Option<string?> _certificate = new(SiloArguments.TlsCertificate)
    {
        HelpName = "FILE",
        Description = "the certificate that the driver shows to the silos, in PEM; with it, connections are encrypted",
    };
    private readonly Option<string?> _key = new(SiloArguments.TlsKey)
    {
        HelpName = "FILE",
        Description = "the certificate's key in PEM, without a password",
    };
    private readonly Option<string?> _authority = new(SiloArguments.TlsAuthority)
    {
        HelpName = "FILE",
        Description = "the authority of which the silos must have certificates, in PEM",
    };
    private readonly Option<string?> _joinTimeout = new(SiloArguments.JoinTimeout)
    {
        HelpName = "SECONDS",
        Description = "how long the silos may take to be there [60]",
    };
    private readonly Option<string?> _config = new(SiloArguments.Config)
    {
        HelpName = "FILE",
        Description = $"settings in JSON, a key for each option [{LocalClusterFolder.UsualName}/{LocalClusterFolder.SettingsFile}]",
    };

    /// <summary>In the order of the help.</summary>
    public IReadOnlyList<Option<string?>> All => [Redis, _clusterId, _secretFile, .. Tls, _joinTimeout, _config];

    /// <summary>Those of <see cref="All"/> that name the files of TLS.</summary>
    public IReadOnlyList<Option<string?>> Tls => [_certificate, _key, _authority];

    /// <summary>Whether the command line has one of them.</summary>
    public string? FirstGiven(ParseResult parsed) => All.FirstOrDefault(option => parsed.GetValue(option) is not null)?.Name;

    /// <exception cref="UsageException">A setting is missing or wrong.</exception>
    /// <param name="parsed">the command line</param>
    /// <param name="environment">of the process</param>
    /// <param name="file">the settings that are read unless others are named; null for those of the current folder's cluster</param>
    public ClusterConnection Read(ParseResult parsed, CommandEnvironment environment, string? file = null)
    {
        var sources = SourcesOf(
            All, parsed, environment,
            file ?? Path.Combine(environment.Folders.Current, LocalClusterFolder.UsualName, LocalClusterFolder.SettingsFile));

        string? ValueOf(Option<string?> option) => sources.ValueOf(option.Name);

        UsageException Wrong(string message) => new(sources.Explain(message));
        var redis = ValueOf(Redis) ?? throw new UsageException(
            $"{SiloArguments.Redis}: is missing; allowed: the option, {SettingSources.VariableOf(SiloArguments.Redis)}, a file "
                + $"({SiloArguments.Config}), or a cluster of this folder (livebed cluster up)");
        if (RedisMembership.TryParse(redis) is null)
            throw Wrong($"{SiloArguments.Redis} {RedisMembership.Address(redis)}: is no address of Redis; allowed: {RedisMembership.Form}");
        var clusterId = ValueOf(_clusterId) ?? ClusterConnection.UsualId;
        if (!ClusterNames.IsValid(clusterId))
            throw Wrong($"{SiloArguments.ClusterId} {clusterId}: is no cluster's id; allowed: {ClusterNames.Form}");
        var (secret, problem) = ClusterSecret.Find((string?)environment.Variables[SiloArguments.SecretVariable], ValueOf(_secretFile));
        if (problem is not null) throw Wrong(problem);
        return new ClusterConnection(redis, clusterId, secret, JoinTimeout(ValueOf(_joinTimeout), Wrong), CertificatesOf(sources));
    }

    /// <summary>For the silos of a cluster that is to be started.</summary>
    /// <exception cref="UsageException">A file is missing or wrong.</exception>
    public ClusterCertificates? ReadCertificates(ParseResult parsed, CommandEnvironment environment) =>
        CertificatesOf(SourcesOf(Tls, parsed, environment, usualFile: null));

    private ClusterCertificates? CertificatesOf(SettingSources sources)
    {
        var (certificates, problem) = ClusterCertificates.Find(
            sources.ValueOf(_certificate.Name), sources.ValueOf(_key.Name), sources.ValueOf(_authority.Name));
        return problem is null ? certificates : throw new UsageException(sources.Explain(problem));
    }

    private static SettingSources SourcesOf(
        IReadOnlyList<Option<string?>> options, ParseResult parsed, CommandEnvironment environment, string? usualFile)
    {
        List<string> typed = [];
        foreach (var option in options)
            if (parsed.GetValue(option) is { } value)
                typed.AddRange([option.Name, value]);
        try
        {
            return SettingSources.Read(
                typed, [.. options.Select(option => option.Name)], [], [.. SiloArguments.OfSilos, .. SiloArguments.OfDrivers],
                environment.Variables, usualFile);
        }
        catch (SettingException failure)
        {
            throw new UsageException(failure.Message);
        }
    }

    private static TimeSpan JoinTimeout(string? text, Func<string, UsageException> wrong)
    {
        if (text is null) return ClusterConnection.UsualJoinTimeout;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 1 and <= JoinSecondsMax)
            return TimeSpan.FromSeconds(seconds);
        throw wrong($"{SiloArguments.JoinTimeout} {text}: is no time; allowed: 1 to {JoinSecondsMax} seconds");
    }
}
