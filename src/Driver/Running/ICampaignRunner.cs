using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Running;

/// <summary>
/// Runs a campaign on a cluster; everything else of the command (files, verdict, terminal) is on this side of the interface.
/// </summary>
public interface ICampaignRunner
{
    /// <summary>
    /// Brings the cluster up, runs, tears it down, and says what happened. It stops early, in order, on a violation or hang, and when
    /// <paramref name="interrupted"/> fires: then it still returns what there is. History goes to <see cref="RunFolder.History"/>.
    /// Throws <see cref="UsageException"/> for what the user can mend before anything ran, <see cref="BedException"/> when the bed failed.
    /// </summary>
    Task<RunOutcome> RunAsync(Campaign campaign, RunFolder folder, IRunProgress progress, CancellationToken interrupted);
}

/// <summary>
/// How to run, beside the campaign. Silos are processes of their own or embedded. Traces and metrics go to a target, or without one only to
/// the run folder. Verbose sends the silos' logs to standard error. The silos' ports begin at a base port, or are free ones. The clocks are
/// the system's by default.
/// </summary>
public sealed record RunnerOptions(
    bool Processes = false, Uri? Otlp = null, bool Verbose = false, int? BasePort = null, TimeProvider? Time = null)
{
    /// <summary>The cluster to run on. With <see cref="Processes"/> only its Redis is used, for the membership table of the run's own
    /// cluster. Null for none.</summary>
    public ClusterConnection? Connection { get; init; }

    /// <summary>Told the address of the Orleans dashboard, once the cluster stands; null for no dashboard.</summary>
    public Action<Uri>? Dashboard { get; init; }

    /// <summary>The cluster is there before the run and after it.</summary>
    public bool IsConnected => Connection is not null && !Processes;
}

/// <summary>Makes the runner of a campaign; tests hand in one of their own.</summary>
internal delegate ICampaignRunner RunnerFactory(RunnerOptions options);
