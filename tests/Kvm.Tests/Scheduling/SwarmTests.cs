using Livebed.Explorer.Scheduling;
using System.Diagnostics;
using System.Globalization;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Notifiers;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// No false alarm, no deadlock, no leak, whatever happens at once. The number of seeds is bounded for every day; LIVEBED_SWARM_SEEDS asks
/// for more, LIVEBED_SWARM_FIRST says where to begin.
/// </summary>
public sealed class SwarmTests(ITestOutputHelper output)
{
    private static readonly int Seeds = Setting("LIVEBED_SWARM_SEEDS", 60);
    private static readonly int First = Setting("LIVEBED_SWARM_FIRST", 1);

    public static TheoryData<string> Protocols => [.. ProtocolCatalog.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Protocols))]
    public void A_correct_protocol_survives_everything_at_once(string protocol)
    {
        var clock = Stopwatch.StartNew();
        var steps = 0L;
        var failures = new List<string>();
        var order = new LockOrderGraph();
        for (var seed = First; seed < First + Seeds && failures.Count < 8; seed++)
        {
            var swarm = new Swarm(protocol, (ulong)seed);
            var (result, broken) = swarm.Run();
            order.Merge(swarm.Bed.Host.Locks.Order);
            foreach (var vm in swarm.Bed.Vms) order.Merge(vm.Vm.Locks.Order);
            steps += result.Steps;
            if (result.Outcome != ScheduleOutcome.Completed) failures.Add($"seed {seed}: {string.Join(",", broken)} {result}");
        }

        output.WriteLine($"{protocol}: {Seeds} seeds, {steps} steps, {steps / clock.Elapsed.TotalSeconds:N0} steps/s");
        foreach (var cycle in order.PotentialCycles()) failures.Add($"potential deadlock: {string.Join(" -> ", cycle.Chains)}");
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var given) ? given : otherwise;
}
