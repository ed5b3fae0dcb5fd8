using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>A VM's way to the books of its host, by grain calls. A host that does not answer may have taken what it was granted.</summary>
internal sealed class GrainTenancy(IHostMmuGrain grain, string host) : ITenancy
{
    public string Host { get; } = host;

    public ValueTask<OwnershipStatus> TakeAsync(string vm, Ownership answer) => Unanswered.OrAsync(OwnershipStatus.Lost, () => grain.TakeAsync(vm, answer));

    public async ValueTask GiveAsync(string vm) => await Unanswered.OrAsync(false, async () =>
    {
        await grain.GiveAsync(vm);
        return true;
    });
}
