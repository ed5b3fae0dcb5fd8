using Livebed.Grains.Contracts;
using Livebed.Grains.Faults;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Livebed.Kvm.World;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// A real embedded cluster and the driver's part of the work on it. Every test takes a host of its own, so that a test can count what it
/// leaves behind.
/// </summary>
internal sealed class ActorBed : IAsyncDisposable
{
    public const int PageSize = 256;

    private const int FramesPerHost = 4096;

    private readonly EmbeddedCluster _cluster;
    private readonly OperationIds _ids = new(origin: 0);
    private readonly SortedSet<int> _alive;
    private int _hosts = -1;
    private int _vms;

    private ActorBed(EmbeddedCluster cluster, CallCounter calls, LostAnswers losses, HeldCalls held, PageRelay relay, int silos)
    {
        _cluster = cluster;
        _alive = [.. Enumerable.Range(0, silos)];
        Calls = calls;
        Losses = losses;
        Held = held;
        Relay = relay;
    }

    public CallCounter Calls { get; }

    public LostAnswers Losses { get; }

    public HeldCalls Held { get; }

    /// <summary>The network between hosts, for pages.</summary>
    public PageRelay Relay { get; }

    /// <summary>Of all reports that were taken through a <see cref="BedVm"/>.</summary>
    public GuestRunsBook GuestRuns { get; } = new();

    /// <summary>What happened, of the same reports.</summary>
    public List<HistoryEntry> History { get; } = [];

    public IGrainFactory Grains => _cluster.Client;

    public IReadOnlyList<string> SiloNames => _cluster.SiloNames;

    /// <summary>Of the living silos. The inventory is there if no call had reached it before the silos behind it died.</summary>
    public int LastSilo => _alive.Max;

    public static async Task<ActorBed> StartAsync(
        PlacementMode placement, int silos, bool silosDie = false, TelemetryThresholds? thresholds = null)
    {
        var calls = new CallCounter();
        var losses = new LostAnswers();
        var held = new HeldCalls();
        var relay = new PageRelay();
        return new ActorBed(
            await EmbeddedCluster.StartAsync(new ClusterSettings
            {
                Silos = silos,
                Placement = placement,
                SampleRatio = 0,
                Thresholds = thresholds ?? new TelemetryThresholds(),
                SilosDie = silosDie,
                ConfigureSilo = services =>
                    services.AddSingleton<SiloCalls>().AddSingleton<IOutgoingGrainCallFilter, StruckCalls>()
                    .AddSingleton<IIncomingGrainCallFilter>(calls).AddSingleton<IIncomingGrainCallFilter>(losses)
                    .AddSingleton<IIncomingGrainCallFilter>(held).AddSingleton<IIncomingGrainCallFilter>(relay),
            }), calls, losses, held, relay, silos);
    }

    /// <summary>The network between the silos fails for pages that are on their way; new connections can be made.</summary>
    public void CutPages()
    {
        foreach (var silo in _alive) _cluster.ServicesOf(silo).GetRequiredService<PageWire>().CloseConnections();
    }

    /// <summary>This becomes of the calls of every silo from now on; how many were struck before.</summary>
    public long StrikeCalls(CallOrders orders) =>
        _alive.Sum(silo => _cluster.ServicesOf(silo).GetRequiredService<SiloCalls>().Order(orders));

    /// <summary>What is new in a report; each is taken once.</summary>
    public void Take(IEnumerable<ActorReport> reports)
    {
        foreach (var report in reports)
        {
            GuestRuns.Take(report);
            lock (History) History.AddRange(report.History);
        }
    }

    public Operation NextOperation(OperationKind kind) => new(_ids.Next(), kind);

    public OperationMessage Next(OperationKind kind) => OperationMessage.From(NextOperation(kind));

    /// <summary>A VM that is not made yet, on a host of its own.</summary>
    public Task<BedVm> PlanAsync(VmPlan? plan = null) => PlanOnAsync(Interlocked.Increment(ref _hosts), plan);

    /// <summary>A VM that is not made yet, on the given host, which others may have too.</summary>
    public async Task<BedVm> PlanOnAsync(int host, VmPlan? plan = null)
    {
        plan ??= new VmPlan();
        await Grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(host))
            .ConfigureAsync(new HostMessage(ActorKeys.Host(host), FramesPerHost, PageSize, plan.Mutant, plan.LinkBandwidth));
        return new BedVm(this, plan, host, NextVm());
    }

    /// <summary>An ordinal that no VM has.</summary>
    public int NextVm() => Interlocked.Increment(ref _vms);

    /// <summary>A VM with guests that run and have begun to fault.</summary>
    public Task<BedVm> RunAsync(VmPlan? plan = null) => RunAsync(PlanAsync(plan));

    /// <inheritdoc cref="RunAsync(VmPlan?)"/>
    public static async Task<BedVm> RunAsync(Task<BedVm> planned)
    {
        var vm = await planned;
        await vm.CreateAsync();
        await vm.RunsOnAsync();
        return vm;
    }

    /// <summary>Activations that live for this VM: of itself and of its vCPUs.</summary>
    public async Task<string> ActivationsOfAsync(string vmKey)
    {
        var all = await Grains.GetGrain<IManagementGrain>(0).GetDetailedGrainStatistics();
        return string.Join(
            ' ',
            all.Select(entry => entry.GrainId.Key.ToString()!)
                .Where(key => key == vmKey || key.StartsWith(vmKey + "/", StringComparison.Ordinal)));
    }

    public Task KillSiloAsync(int silo)
    {
        _alive.Remove(silo);
        return _cluster.KillSiloAsync(silo);
    }

    /// <summary>The inventory's activation goes; the next call makes another, which begins by asking the hosts.</summary>
    public async Task ReplaceInventoryAsync() =>
        await Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory).AsReference<IGrainManagementExtension>().DeactivateOnIdle();

    /// <summary>The host's machine dies, and with it all that runs there.</summary>
    public async Task KillHostAsync(string hostKey)
    {
        await KillSiloAsync((int)ActorKeys.Parse(hostKey).Index);
        GuestRuns.Died(hostKey);
    }

    public async ValueTask DisposeAsync()
    {
        Relay.Dispose();
        await _cluster.DisposeAsync();
    }
}
