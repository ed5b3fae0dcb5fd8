using System.Diagnostics;
using Livebed.Driver.Errors;
using Livebed.Driver.Running;
using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Wire;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>
/// A VM that is moved to and fro between two hosts. Its guest works on a few pages of its own, so that it runs, faults and is judged
/// throughout. The other memory is incompressible and comes from a stream, as a migration's does, so that every page has a frame.
/// </summary>
internal sealed class BenchVm(
    IGrainFactory grains, PageWire wire, BenchRequest request, long pages, OperationIds ids, int index, List<Violation> violations)
{
    /// <summary>Pages beside the measured memory that the guest works on.</summary>
    public const int GuestPages = 64;

    /// <summary>Frames that a host needs beside those of the measured memory.</summary>
    public const int FramesBeside = GuestPages + Fleet.ScratchPages;

    private const int AccessesPerSecond = 1_000;
    private const int ChunkBytes = 1 << 20;
    private const long FillEpoch = 1;

    private int _incarnation;
    private int _host;

    private int Ordinal => (index << 8) + _incarnation;

    private long RamPages => pages + GuestPages;

    private IHostMmuGrain Host => grains.GetGrain<IHostMmuGrain>(ActorKeys.Host(_host));

    private string Key => ActorKeys.Vm(index, _incarnation, _host);

    public async Task CreateAsync()
    {
        var op = Next(OperationKind.VmCreate);
        if (!await ActorStart.TryAsync(() => grains.GetGrain<IVmGrain>(Key).CreateAsync(op, Message(Key, _host, Ordinal))))
            throw new BedException($"{Key} could not be created");
        await FillAsync();
    }

    /// <summary>Moves the VM to the other host.</summary>
    /// <exception cref="BedException">It did not get there.</exception>
    public async Task<MeasuredMove> MoveAsync()
    {
        var (from, source) = (grains.GetGrain<IVmGrain>(Key), _host);
        _incarnation++;
        _host = 1 - _host;
        var setup = new MigrationSetup(
            Ordinal, $"vm-{index}", 0, ActorKeys.Host(source), ActorKeys.Host(_host), Ordinal,
            [new HvaRange(VmLayout.RamHva, RamPages)], request.PageSize);
        var parameters = new MigrationParameters { MaxBandwidth = 0, Channels = request.Channels };
        var (began, worked) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        var outcome = await from.MigrateAsync(
            Next(OperationKind.Migration), new MigrationRequest(setup, parameters, Key, Message(Key, _host, Ordinal)));
        var (elapsed, cpu) = (Stopwatch.GetElapsedTime(began), Environment.CpuUsage.TotalTime - worked);
        if (outcome.Info.Status != MigrationStatus.Completed)
            throw new BedException($"the migration is {outcome.Info.Status}: {outcome.Info.Reason}");
        await JudgeAsync(outcome.LastReports);
        return new MeasuredMove(outcome.Info, elapsed, cpu);
    }

    public async Task DestroyAsync() => await JudgeAsync(
        await grains.GetGrain<IVmGrain>(Key)
            .DestroyAsync(Next(OperationKind.VmDestroy), TeardownOrder.VmFirst));

    private async Task JudgeAsync(IReadOnlyList<ActorReport> last)
    {
        ActorReport[] reports = [.. last, await Host.InspectAsync(), .. await grains.GetGrain<IVmGrain>(Key).InspectAsync(settled: false)];
        foreach (var report in reports)
        {
            violations.AddRange(report.Violations);
            if (report.Failure is { } failure) throw new BedException($"{report.Actor} failed: {failure}");
        }
    }

    /// <summary>Random bytes into every page that is not the guest's.</summary>
    private async Task FillAsync()
    {
        var streams = Host.AsReference<IHostStreamsGrain>();
        using var link = new SocketPageLink(wire, () => streams.IncomingPagesAsync(Ordinal));
        var pagesPerChunk = Math.Min(ChunkBytes / request.PageSize, PageChunk.PagesMax);
        var content = new byte[pagesPerChunk * request.PageSize];
        await streams.BeginIncomingAsync(Next(OperationKind.MigrationIncoming), Ordinal, Ordinal, FillEpoch);
        for (var first = 0L; first < pages; first += pagesPerChunk)
        {
            var start = VmLayout.RamHva + (GuestPages + first);
            var entries = Enumerable.Range(0, (int)Math.Min(pagesPerChunk, pages - first))
                .Select(page => PageChunk.EntryOf(start + page, isZero: false)).ToArray();
            var bytes = content.AsMemory(0, entries.Length * request.PageSize);
            Random.Shared.NextBytes(bytes.Span);
            var chunk = new PageChunk(
                new ChunkHeader(Ordinal, FillEpoch, Channel: 0, Round: 0, StreamPhase.Precopy), entries, bytes, Checksum: 0);
            var status = await link.DeliverAsync(new Operation(ids.Next(), OperationKind.MigrationPages), chunk);
            if (status != StreamStatus.Ok) throw new BedException($"the VM's memory could not be filled: {status}");
        }

        await streams.EndIncomingAsync(Next(OperationKind.MigrationIncoming), Ordinal, Ordinal);
    }

    private OperationMessage Next(OperationKind kind) => OperationMessage.From(new Operation(ids.Next(), kind));

    private VmMessage Message(string key, int host, int ordinal)
    {
        var options = new VmOptions(key, ordinal, ProtocolCatalog.ActiveCount, DirtyLog: DirtyLogMode.InitiallySet);
        var guest = new SyntheticGuestSpec(
            (long)GuestPages * request.PageSize, WritePercent: 50, RandomAccess: true, AccessesPerSecond: AccessesPerSecond);
        return new VmMessage(
            options, ActorKeys.Host(host), ordinal, Vcpus: 1, RamPages, Memslots: 1, HotplugPages: 0, request.PageSize, Fleet.ScratchPages,
            Mergeable: false, TlbEntries: 64, FaultRetriesMax: 1_000_000, Seed: 1, guest, RefusesNonBlockable: false);
    }
}
