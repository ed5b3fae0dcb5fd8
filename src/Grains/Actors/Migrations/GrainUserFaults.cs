using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>A host's way to the user space that a page is missing for. If that does not answer, the page still comes with the pages that are pushed.</summary>
internal sealed class GrainUserFaults(IVmGrain vm) : IUserFaultHandler
{
    public async ValueTask PageMissingAsync(Operation op, Hva hva) => await Unanswered.OrAsync(false, async () =>
    {
        await vm.PageMissingAsync(OperationMessage.From(op), hva.Value);
        return true;
    });
}
