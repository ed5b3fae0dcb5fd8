using Livebed.Grains.Faults;

namespace Livebed.Grains.Hosting;

/// <summary>
/// What can be done on purpose to a cluster: to the links between its silos, and to the processes of silos. All of it goes past the cluster
/// itself, so a cluster that is cut in two can be healed.
/// </summary>
public interface IClusterFaults
{
    /// <summary>Where each silo listens for others, in the order of their names.</summary>
    IReadOnlyList<int> Ports { get; }

    /// <summary>Null where silos share the driver's process.</summary>
    ISiloProcesses? Processes { get; }

    /// <summary>The network of a silo is like this from now on.</summary>
    Task OrderAsync(string silo, LinkOrders links);

    /// <summary>This becomes of the calls of a silo from now on.</summary>
    /// <returns>calls that were struck by the order before; null when the silo does not answer</returns>
    Task<long?> OrderAsync(string silo, CallOrders calls);

    /// <summary>Calls of a silo that were struck since the last order; null when it does not answer.</summary>
    Task<long?> CallsStruckAsync(string silo);

    /// <summary>One silo calls another.</summary>
    /// <returns>microseconds until the answer; null when none came within the patience</returns>
    Task<long?> PingAsync(string from, string to, TimeSpan patience);
}

/// <summary>What can be done to silos that have a process each.</summary>
public interface ISiloProcesses
{
    /// <summary>Which silos are dead, as far as the driver made them so.</summary>
    SiloFates Fates { get; }

    /// <summary>Kills a silo's process, and returns when it is gone. No call to it is waited for from now on.</summary>
    Task KillAsync(string silo);

    /// <summary>The others are told that a killed silo is dead, so that they do not wait until they find it out.</summary>
    Task DeclareDeadAsync(string silo);

    /// <summary>Starts a process for a killed silo, and returns when it sees the whole cluster.</summary>
    /// <exception cref="SiloStartException">It ended, or was not ready in time.</exception>
    Task RestartAsync(string silo, CancellationToken cancellationToken);

    /// <summary>Stops a silo's process where it is (SIGSTOP). It goes on after the time at the latest, also without the driver.</summary>
    void Stop(string silo, TimeSpan atMost);

    /// <summary>A stopped silo goes on (SIGCONT).</summary>
    void Continue(string silo);

    /// <summary>Whether the silo's process stands still.</summary>
    bool IsStopped(string silo);
}
