using System.Diagnostics;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Benching;

/// <summary>What is done with spans and without.</summary>
internal interface ITracedLoad
{
    /// <summary>Makes what a turn needs.</summary>
    Task BeginTurnAsync();

    /// <summary>Works for so long.</summary>
    /// <returns>how much was done; null if it came to its end before, and the turn has to be made again</returns>
    Task<double?> RunAsync(TimeSpan window);

    Task EndAsync();
}

/// <summary>
/// Operations of a driver: pages that the host moves, each with start and end of a range, sixteen in an operation, while a guest uses them
/// and so faults. Its faults are work like the ranges: the guest has a rate by the clock, so what is left for ranges of the processor would
/// shrink by more than a range costs.
/// </summary>
internal sealed class MovingPages(BenchCluster cluster) : ITracedLoad
{
    private const int InFlight = 16;
    private const int Vcpus = 4;
    private const int PagesPerEvent = 16;
    private const int TlbEntries = 64;

    private RunningVm? _vm;

    public async Task BeginTurnAsync()
    {
        var guest = new SyntheticGuestSpec(InFlight * PagesPerEvent / Vcpus * BenchCluster.PageSize, AccessesPerSecond: 1_000);
        _vm ??= await cluster.CreateAsync(Vcpus, InFlight * PagesPerEvent, guest, TlbEntries);
    }

    public async Task<double?> RunAsync(TimeSpan window)
    {
        var faults = await FaultsAsync();
        var began = Stopwatch.GetTimestamp();
        var moved = await Task.WhenAll(Enumerable.Range(0, InFlight).Select(async worker =>
        {
            var count = 0L;
            var pages = new HvaRange(VmLayout.RamHva + worker * PagesPerEvent, PagesPerEvent);
            while (Stopwatch.GetElapsedTime(began) < window)
            {
                var op = cluster.Next(HostEventKind.PageMigration);
                using var span = LivebedTelemetry.StartOperation(HostEventKind.PageMigration, new OperationId(op.OperationId));
                await cluster.Host.RunEventAsync(op, new HostEvent(HostEventKind.PageMigration, _vm!.AddressSpace, pages));
                span.Outcome = OperationOutcome.Ok;
                count += PagesPerEvent;
            }

            return count;
        }));
        return moved.Sum() + await FaultsAsync() - faults;
    }

    private async Task<long> FaultsAsync() => (await _vm!.CountAsync()).Vcpu!.Faults;

    public Task EndAsync() => _vm?.DestroyAsync() ?? Task.CompletedTask;
}

/// <summary>First touches of guest memory, which belong to no operation of a driver, as nearly all calls of a run.</summary>
internal sealed class FirstTouches(BenchCluster cluster) : ITracedLoad
{
    private const int Vcpus = 16;
    private const int TlbEntries = 64;
    private const long PagesMin = 20_000;
    private const double TouchedMost = 0.98;

    private long _pages = PagesMin;
    private RunningVm? _vm;

    public async Task BeginTurnAsync()
    {
        await EndAsync();
        var pagesPerVcpu = _pages / Vcpus;
        var guest = new SyntheticGuestSpec(pagesPerVcpu * BenchCluster.PageSize);
        _vm = await cluster.CreateAsync(Vcpus, pagesPerVcpu * Vcpus, guest, TlbEntries);
    }

    public async Task<double?> RunAsync(TimeSpan window)
    {
        var before = (await _vm!.CountAsync()).Vcpu!.Faults;
        await Task.Delay(window);
        var after = (await _vm.CountAsync()).Vcpu!.Faults;
        if (after < _pages * TouchedMost) return after - before;
        _pages *= 2;
        return null;
    }

    public async Task EndAsync()
    {
        if (_vm is not null) await _vm.DestroyAsync();
        _vm = null;
    }
}
