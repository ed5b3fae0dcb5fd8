using System.Collections.Concurrent;
using Livebed.Grains.Contracts;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Where the VMs of a test ran and when, put together of all reports, as the driver does it: what M2 is judged by.</summary>
internal sealed class GuestRunsBook
{
    private readonly ConcurrentBag<GuestRunsEntry> _entries = [];

    public void Take(IEnumerable<GuestRunsEntry> entries)
    {
        foreach (var entry in entries) _entries.Add(entry);
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

    /// <summary>The VM never ran on two hosts; returns where it runs now, null when it does nowhere.</summary>
    public string? RunsAt(string vm)
    {
        var check = new OneOwnerCheck();
        var entries = Of(vm);
        Assert.NotEmpty(entries);
        Assert.All(entries, entry => Assert.Null(check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs)));

        // A host that stops, or dies, after another has begun says nothing of that one.
        string? host = null;
        foreach (var entry in entries) host = entry.Runs ? entry.Host : entry.Host == host ? null : host;
        return host;
    }
}
