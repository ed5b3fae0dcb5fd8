using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Actors;

/// <summary>What a host owns: its <see cref="HostOwnership"/> by grain calls.</summary>
[Alias("livebed.host.ownership")]
public interface IHostOwnershipGrain : IGrainWithStringKey
{
    ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer);

    ValueTask ReleaseAsync(string vm, long epoch);

    /// <summary>The latest inventory that this host has answered; 0 for none.</summary>
    [AtLeastOnce]
    ValueTask<long> TermAsync();

    /// <summary>What this host owns, for the inventory of that term, which from here on counts alone; null when it is not the first of its
    /// term or later ones.</summary>
    [AtLeastOnce]
    ValueTask<OwnedVm[]?> ReportOwnershipAsync(long term);
}

/// <summary>A VM's way to the books of its host, by grain calls. A host that does not answer may have taken what it was granted.</summary>
internal sealed class GrainHostOwnership(IHostMmuGrain grain, string host) : IHostOwnership
{
    private readonly IHostOwnershipGrain _grain = grain.AsReference<IHostOwnershipGrain>();

    public string Host { get; } = host;

    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) =>
        GrainCall.OrLostAsync(OwnershipStatus.Lost, () => _grain.RecordAsync(vm, answer));

    public async ValueTask ReleaseAsync(string vm, long epoch) => await GrainCall.OrLostAsync(false, async () =>
    {
        await _grain.ReleaseAsync(vm, epoch);
        return true;
    });
}

/// <summary>The way of an inventory that begins to the books of a host, by grain calls.</summary>
internal sealed class GrainOwnershipReporter(IHostOwnershipGrain grain, string host) : IOwnershipReporter
{
    public string Host { get; } = host;

    public ValueTask<long?> TermAsync() => GrainCall.OrLostAsync<long?>(null, async () => await grain.TermAsync());

    public ValueTask<OwnershipReport> ReportAsync(long term) =>
        GrainCall.OrLostAsync(new OwnershipReport(OwnershipStatus.Lost, []), async () => OwnershipReport.From(
            (await grain.ReportOwnershipAsync(term))?.Select(entry => KeyValuePair.Create(entry.Vm, entry.Epoch)).ToArray()));
}

/// <summary>The host's half of these calls.</summary>
internal sealed partial class HostMmuGrain : IHostOwnershipGrain
{
    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) =>
        ValueTask.FromResult(_hostOwnership?.Record(vm, answer) ?? OwnershipStatus.Refused);

    public ValueTask ReleaseAsync(string vm, long epoch)
    {
        _hostOwnership?.Release(vm, epoch);
        return ValueTask.CompletedTask;
    }

    public ValueTask<long> TermAsync() => ValueTask.FromResult(_hostOwnership?.Term ?? 0);

    public ValueTask<OwnedVm[]?> ReportOwnershipAsync(long term) =>
        ValueTask.FromResult(
            _hostOwnership is null ? [] : _hostOwnership.Report(term)?.Select(entry => new OwnedVm(entry.Key, entry.Value)).ToArray());
}
