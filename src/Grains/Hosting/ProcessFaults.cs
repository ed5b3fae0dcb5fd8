using System.Diagnostics;
using System.Runtime.InteropServices;
using Livebed.Grains.Faults;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Faults of a cluster of processes. Processes get signals. What the network does is ordered by each silo's standard input. A process that
/// stands still has a guard beside it, a shell that sends SIGCONT when the time is over: no silo stays behind stopped when the driver dies.
/// </summary>
internal sealed class ProcessFaults(ProcessCluster cluster, ClusterSettings settings) : IClusterFaults, ISiloProcesses, IDisposable
{
    private const int StopSignal = 19;
    private const int ContinueSignal = 18;

    private static readonly TimeSpan OrderMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DeclareMax = TimeSpan.FromSeconds(20);

    private readonly Dictionary<string, SiloSettings> _settings = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Process> _guards = new(StringComparer.Ordinal);
    private int _restarts;

    public ISiloProcesses Processes => this;
    public SiloFates Fates { get; } = new();
    public IReadOnlyList<int> Ports { get; private set; } = [];

    /// <summary>What each silo was started with.</summary>
    public void Know(IReadOnlyList<SiloSettings> silos)
    {
        foreach (var silo in silos) _settings[silo.SiloName] = silo;
        Ports = [.. silos.Select(silo => silo.Ports.Silo)];
    }

    public async Task KillAsync(string silo)
    {
        Fates.Fell(silo);
        await cluster.ProcessOf(silo).KillAsync();
    }

    /// <summary>By a silo's standard input, and by the next silo's where there is no answer. A call to a grain would not do: the directory
    /// may have its place at the dead silo, and then nobody knows it until the others have found out.</summary>
    public async Task DeclareDeadAsync(string silo)
    {
        foreach (var other in cluster.SiloNames)
        {
            if (other == silo || Fates.IsDown(other)) continue;
            if (await cluster.ProcessOf(other).OrderAsync(new FaultOrder(0) { Dead = silo }, DeclareMax) is not null) return;
        }
    }

    public async Task RestartAsync(string silo, CancellationToken cancellationToken)
    {
        var number = Interlocked.Increment(ref _restarts);
        var again = _settings[silo] with
        {
            JoinAfter = null,
            Traces = settings.Telemetry.File?.AddPart(FormattableString.Invariant($"{silo}.{number}")),
        };
        var process = cluster.Start(again);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(settings.StartTimeout);
        await process.WaitUntilReadyAsync(patience.Token);
        Fates.IsBack(silo);
    }

    public void Stop(string silo, TimeSpan atMost)
    {
        var id = cluster.ProcessOf(silo).Id;
        var script = FormattableString.Invariant($"sleep {atMost.TotalSeconds:0.###}; kill -CONT {id}");
        _guards[silo] = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { UseShellExecute = false })!;
        if (kill(id, StopSignal) != 0) throw new IOException($"{silo} could not be stopped: error {Marshal.GetLastPInvokeError()}");
    }

    public void Continue(string silo)
    {
        _ = kill(cluster.ProcessOf(silo).Id, ContinueSignal);
        if (_guards.Remove(silo, out var guard)) End(guard);
    }

    public bool IsStopped(string silo)
    {
        try
        {
            // "12 (dotnet) T 1 ...": the state stands behind the name, which may have brackets itself.
            var stat = File.ReadAllText(FormattableString.Invariant($"/proc/{cluster.ProcessOf(silo).Id}/stat"));
            return stat[(stat.LastIndexOf(')') + 1)..].TrimStart().StartsWith('T');
        }
        catch (IOException)
        {
            return false;
        }
    }

    public Task OrderAsync(string silo, LinkOrders links) =>
        cluster.ProcessOf(silo).OrderAsync(new FaultOrder(0) { Links = links }, OrderMax);

    public Task<long?> OrderAsync(string silo, CallOrders calls) =>
        cluster.ProcessOf(silo).OrderAsync(new FaultOrder(0) { Calls = calls }, OrderMax);

    public Task<long?> CallsStruckAsync(string silo) =>
        cluster.ProcessOf(silo).OrderAsync(new FaultOrder(0) { CountsCalls = true }, OrderMax);

    public Task<long?> PingAsync(string from, string to, TimeSpan patience) => cluster.ProcessOf(from).OrderAsync(
        new FaultOrder(0) { Ping = to, Milliseconds = (int)patience.TotalMilliseconds }, patience + OrderMax);

    public void Dispose()
    {
        foreach (var silo in _guards.Keys.ToList()) Continue(silo);
    }

    /// <summary>The guard and its sleep.</summary>
    private static void End(Process guard)
    {
        try
        {
            guard.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }

        guard.Dispose();
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int process, int signal);
}
