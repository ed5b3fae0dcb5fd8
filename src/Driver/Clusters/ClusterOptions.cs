using System.CommandLine;
using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Running;
using Livebed.Grains.Hosting;
using Livebed.Grains.Security;

namespace Livebed.Driver.Clusters;

/// <summary>The options of `cluster`, a command for each thing that is done to a cluster.</summary>
internal sealed class ClusterOptions
{
    private const int UsualSilos = 3;

    private readonly Option<string?> _silos = new("--silos") { HelpName = "N", Description = $"silos, a process for each [{UsualSilos}]" };
    private readonly Option<string?> _redis = new(SiloArguments.Redis)
    {
        HelpName = "HOST:PORT",
        Description = "a Redis that runs; left out, redis-server is started for the cluster",
    };
    private readonly Option<string?> _dir = new("--dir")
    {
        HelpName = "DIR",
        Description = $"the cluster's folder [{LocalClusterFolder.UsualName}]",
    };
    private readonly Option<bool> _json = new("--json") { Description = "print the silos as JSON and nothing else" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ClusterOptions()
    {
        Up = new Command("up", "Starts a cluster of processes on this machine, or those of its silos that are missing.")
        {
            _silos, _redis, _dir, _verbose,
        };
        foreach (var option in Connection.Tls) Up.Add(option);
        Down = new Command("down", "Ends that cluster.") { _dir, _verbose };
        Status = new Command("status", "Says how each silo of a cluster is.") { _dir, _json, _verbose };
        foreach (var option in Connection.All) Status.Add(option);
        Command = new Command("cluster", "A cluster that outlives runs: livebed run --connect uses it.") { Up, Down, Status };
    }

    public Command Command { get; }
    public Command Up { get; }
    public Command Down { get; }
    public Command Status { get; }
    public ConnectionOptions Connection { get; } = new();

    public string Folder(ParseResult parsed, string currentFolder)
    {
        var folder = parsed.GetValue(_dir) ?? LocalClusterFolder.UsualName;
        if (folder.Length == 0 || folder.AsSpan().ContainsAny('\0', '\n'))
            throw new UsageException($"--dir {folder}: is no folder; allowed: the path of a folder");
        return Path.GetFullPath(folder, currentFolder);
    }

    public int Silos(ParseResult parsed)
    {
        if (parsed.GetValue(_silos) is not { } text) return UsualSilos;
        if (
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var silos)
                && silos is >= 1 and <= SiloSettings.SilosMax)
            return silos;
        throw new UsageException($"--silos {text}: is no number of silos; allowed: 1 to {SiloSettings.SilosMax}");
    }

    /// <summary>Null where one is to be started.</summary>
    public string? Redis(ParseResult parsed)
    {
        if (parsed.GetValue(_redis) is not { } text) return null;
        return RedisMembership.TryParse(text) is not null
            ? text
            : throw new UsageException(
                $"{SiloArguments.Redis} {RedisMembership.Address(text)}: is no address of Redis; allowed: {RedisMembership.Form}");
    }

    /// <summary>Of the silos to start; null for no TLS.</summary>
    public ClusterCertificates? Certificates(ParseResult parsed, CommandEnvironment environment) =>
        Connection.ReadCertificates(parsed, environment);

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>Null where the command line names another cluster, or no cluster of this folder is there.</summary>
    public string? LocalFolder(ParseResult parsed, string currentFolder)
    {
        var folder = Folder(parsed, currentFolder);
        if (parsed.GetValue(_dir) is null)
            return Connection.FirstGiven(parsed) is null && new LocalClusterFolder(folder).Read() is not null ? folder : null;
        return Connection.FirstGiven(parsed) is { } given
            ? throw new UsageException($"{given}: --dir names the cluster already; allowed: one of both")
            : folder;
    }

    /// <summary>The cluster of the folder, or the one that the settings name.</summary>
    public ClusterConnection ConnectionOf(ParseResult parsed, CommandEnvironment environment) => Connection.Read(
        parsed, environment, parsed.GetValue(_dir) is null
            ? null
            : Path.Combine(Folder(parsed, environment.Folders.Current), LocalClusterFolder.SettingsFile));
}
