using Livebed.Grains.Placement;

namespace Livebed.Grains.Hosting;

/// <summary>A running cluster and the one client that drives it. Disposing stops everything, within three seconds even when actors
/// hang.</summary>
public interface ICluster : IAsyncDisposable
{
    IClusterClient Client { get; }

    /// <summary><c>silo-0</c>, <c>silo-1</c>, ... in the order that placement counts in.</summary>
    IReadOnlyList<string> SiloNames { get; }

    PlacementMode Placement { get; }

    /// <summary>Completes with a silo's name when it ends without a request: contact is lost, and its state with it.</summary>
    Task<string> SiloLost { get; }

    /// <summary>The page of the Orleans dashboard; null unless the settings ask for it.</summary>
    Uri? Dashboard { get; }

    /// <summary>What a nemesis can do to it; null for a cluster that was not made for one.</summary>
    IClusterFaults? Faults => null;

    /// <summary>Called when a silo is asked to end; moves away what is on it. True when nothing is left there and the silo may go. Null, or
    /// false, lets it be lost. Only a cluster that was there before the run has such silos.</summary>
    Func<string, Task<bool>>? Evacuate
    {
        get => null;
        set { }
    }
}

/// <summary>A silo process ended, or said nothing for too long, before it was ready; the message has its last lines of standard
/// error.</summary>
public sealed class SiloStartException(string silo, string reason)
    : Exception($"{silo} did not start: {reason}")
{
    public string Silo { get; } = silo;

    /// <summary>Another process has a port that was free when it was looked for.</summary>
    public bool IsPortTaken { get; init; }
}

/// <summary>The silos and the driver did not find each other in time; nothing is left running.</summary>
public sealed class StartTimeoutException(TimeSpan patience, Exception failure)
    : Exception(
        $"the cluster was not up within {patience.TotalSeconds:0.###} s; the machine is too busy or has too little memory", failure);
