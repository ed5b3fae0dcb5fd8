using System.Collections.Concurrent;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Where the VMs of a test ran and when, put together of all reports, as the driver does it: what M2 is judged by.</summary>
internal sealed class GuestRunsBook
{
    private readonly ConcurrentBag<GuestRunsEntry> _entries = [];
    private readonly ConcurrentBag<(string VmKey, GuestAccessesEntry Batch)> _accesses = [];
    private readonly ConcurrentDictionary<string, (string Vm, string Host)> _places = [];

    public void Take(ActorReport report)
    {
        foreach (var entry in report.GuestRuns)
        {
            _places[report.Actor] = (entry.Vm, entry.Host);
            _entries.Add(entry);
        }

        if (report.GuestAccesses is { } batch) _accesses.Add((ActorKeys.VmOf(report.Actor), batch));
    }

    /// <summary>The host is dead: what ran there runs no more.</summary>
    public void Died(string host)
    {
        foreach (var vm in _entries.Where(entry => entry.Host == host).Select(entry => entry.Vm).Distinct().ToList())
            _entries.Add(
                new GuestRunsEntry(
                    vm, host, Of(vm).Last(entry => entry.Host == host).Epoch, Runs: false, TimeProvider.System.MonotonicMicroseconds()));
    }

    /// <summary>Starts and stops of a VM, in order.</summary>
    public IReadOnlyList<GuestRunsEntry> Of(string vm) =>
        [.. _entries.Where(entry => entry.Vm == vm).OrderBy(entry => entry.MonotonicMicroseconds)];

    /// <summary>What M2 says of the VM: of its starts and stops, and of its guests' accesses, in their order.</summary>
    public IReadOnlyList<Violation> Judge(string vm)
    {
        var check = new OneOwnerCheck();
        var runs = Of(vm).Select(entry => (
            entry.MonotonicMicroseconds, entry.Epoch, entry.Runs,
            Judge: new Func<Violation?>(() => check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs))));
        var accesses = _accesses.Where(entry => _places.TryGetValue(entry.VmKey, out var place) && place.Vm == vm).Select(entry => (
            entry.Batch.MonotonicMicroseconds, entry.Batch.Epoch, Runs: false,
            Judge: new Func<Violation?>(() => check.Accessed(vm, _places[entry.VmKey].Host, entry.Batch.Epoch))));
        return
        [
            .. runs.Concat(accesses).OrderBy(step => (step.MonotonicMicroseconds, step.Epoch, step.Runs))
                .Select(step => step.Judge()).OfType<Violation>(),
        ];
    }

    /// <summary>The VM never ran on two hosts; returns where it runs now, null when it does nowhere.</summary>
    public string? RunsAt(string vm)
    {
        var entries = Of(vm);
        Assert.NotEmpty(entries);
        Assert.Empty(Judge(vm));

        // A host that stops, or dies, after another has begun says nothing of that one.
        string? host = null;
        foreach (var entry in entries) host = entry.Runs ? entry.Host : entry.Host == host ? null : host;
        return host;
    }
}
