using System.Collections.Concurrent;
using Livebed.Driver.Errors;
using Livebed.Driver.Running;
using Livebed.Grains.Contracts;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Kvm.Guests;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Microsoft.Extensions.Logging;

namespace Livebed.Driver.Benching;

/// <summary>Silos with a host each, and VMs that come and go on the first of them.</summary>
internal sealed class BenchCluster : IAsyncDisposable
{
    public const int PageSize = 4096;

    private const long FramesPerHost = 1 << 20;

    private readonly EmbeddedCluster _cluster;
    private readonly OperationIds _ids = new(origin: 0);
    private int _vms;

    private readonly int _pageSize;

    private BenchCluster(EmbeddedCluster cluster, int pageSize) => (_cluster, _pageSize) = (cluster, pageSize);

    public IGrainFactory Grains => _cluster.Client;

    public IHostMmuGrain Host => Grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(0));

    public static async Task<BenchCluster> StartAsync(
        int silos, PlacementMode placement, CancellationToken interrupted, int pageSize = PageSize)
    {
        var cluster = await EmbeddedCluster.StartAsync(
            new ClusterSettings
            {
                Silos = silos,
                Placement = placement,
                LogLevel = LogLevel.Error,
                ResponseTimeout = TimeSpan.FromMinutes(2),
            },
            interrupted);
        var bench = new BenchCluster(cluster, pageSize);
        for (var host = 0; host < silos; host++)
            await cluster.Client.GetGrain<IHostMmuGrain>(ActorKeys.Host(host))
                .ConfigureAsync(new HostMessage(ActorKeys.Host(host), (int)FramesPerHost, pageSize, Mutant: null));
        return bench;
    }

    public OperationMessage Next(OperationKind kind) => OperationMessage.From(new Operation(_ids.Next(), kind));

    /// <summary>A VM, on the first host if none is named, whose guests run at once.</summary>
    /// <exception cref="BedException">It could not be created.</exception>
    public Task<RunningVm> CreateAsync(int vcpus, long pages, GuestSpec guest, int tlbEntries, int host = 0) =>
        CreateAsync(vcpus, pages, guest, tlbEntries, host, startsStopped: false);

    private async Task<RunningVm> CreateAsync(int vcpus, long pages, GuestSpec guest, int tlbEntries, int host, bool startsStopped)
    {
        var ordinal = Interlocked.Increment(ref _vms);
        var key = ActorKeys.Vm(ordinal, incarnation: 0, host);
        var message = new VmMessage(
            new VmOptions(key, ordinal, ProtocolCatalog.ActiveCount) { StartsStopped = startsStopped },
            ActorKeys.Host(host), ordinal, vcpus, pages, Memslots: 1,
            HotplugPages: 0, _pageSize, Fleet.ScratchPages, Mergeable: false, tlbEntries, FaultRetriesMax: 1_000_000, Seed: 1, guest,
            RefusesNonBlockable: false);
        var vm = Grains.GetGrain<IVmGrain>(key);
        if (!await ActorStart.TryAsync(() => vm.CreateAsync(Next(OperationKind.VmCreate), message)))
            throw new BedException($"{key} could not be created");
        return new RunningVm(this, vm, key, ordinal);
    }

    /// <summary>Many VMs of one vCPU, over all hosts, whose guests begin when all are there.</summary>
    public async Task<IReadOnlyCollection<RunningVm>> CreateAsync(
        int vms, long pages, GuestSpec guest, int tlbEntries, CancellationToken interrupted)
    {
        var made = new ConcurrentBag<RunningVm>();
        await ManyVms.EachAsync(Enumerable.Range(0, vms).ToList(), async vm =>
        {
            interrupted.ThrowIfCancellationRequested();
            made.Add(await CreateAsync(vcpus: 1, pages, guest, tlbEntries, vm % _cluster.SiloNames.Count, startsStopped: true));
        });
        await ManyVms.ContAsync([.. made.Select(vm => vm.Grain)], () => new Operation(_ids.Next(), OperationKind.VmCreate));
        return made;
    }

    /// <summary>One round of reports, as a driver asks for them.</summary>
    /// <exception cref="BedException">A check was violated, or an actor failed.</exception>
    public async Task<ActorCounters> CollectAsync(bool ofAll = false)
    {
        var silos = await Task.WhenAll(_cluster.SiloNames.Select(silo => CollectAsync(silo, ofAll ? CollectKind.All : CollectKind.News)));
        return RunningVm.Judge([.. silos.SelectMany(reports => reports)]);
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private async Task<List<ActorReport>> CollectAsync(string silo, CollectKind kind)
    {
        var reports = new List<ActorReport>();
        while (true)
        {
            var answer = await Grains.GetGrain<IBoardGrain>(silo).CollectAsync(kind, measuredFrom: 0);
            reports.AddRange(answer.Reports);
            if (answer.Left == 0) return reports;
            kind = CollectKind.Rest;
        }
    }
}

/// <summary>A VM that is measured.</summary>
internal sealed class RunningVm(BenchCluster cluster, IVmGrain vm, string key, int addressSpace)
{
    public string Key => key;
    public int AddressSpace => addressSpace;
    public IVmGrain Grain => vm;

    /// <summary>What it and its vCPUs have counted.</summary>
    /// <exception cref="BedException">A check was violated, or an actor failed.</exception>
    public async Task<ActorCounters> CountAsync() => Judge(await vm.InspectAsync(settled: false));

    public async Task DestroyAsync() =>
        Judge(await vm.DestroyAsync(cluster.Next(OperationKind.VmDestroy), TeardownOrder.VmFirst));

    /// <exception cref="BedException">A check was violated, or an actor failed.</exception>
    internal static ActorCounters Judge(IReadOnlyList<ActorReport> reports)
    {
        foreach (var report in reports)
        {
            if (report.Failure is { } failure) throw new BedException($"{report.Actor} failed: {failure}");
            if (report.Violations is [var violation, ..]) throw new BedException($"{violation.Invariant}: {violation.Message}");
        }

        return reports.Select(report => report.Counters).Aggregate(new ActorCounters(), (one, other) => one + other);
    }
}
