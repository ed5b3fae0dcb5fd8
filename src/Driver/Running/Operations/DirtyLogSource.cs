using Livebed.Driver.Campaigns;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running.Operations;

/// <summary>Dirty-log sessions: enable, rounds, every few rounds a verification with the vCPUs stopped, disable, and again.</summary>
internal sealed class DirtyLogSource(Campaign campaign, Fleet fleet) : IOperationSource
{
    public string Name => OperationKind.DirtyLogGet.Name;
    public double Rate => campaign.DirtyLog.Rate;

    public PreparedOperation? Prepare(SeededRandom random)
    {
        var slot = fleet.Take(random, candidate =>
        {
            if (candidate.DirtyLogBusy || candidate.Settings.DirtyLog == DirtyLogMode.None) return false;
            return candidate.DirtyLogBusy = true;
        });
        if (slot is null) return null;
        var step = NextStep(slot);
        return new PreparedOperation(KindOf(step), op => RunAsync(slot, step, op), () => fleet.Release(() => slot.DirtyLogBusy = false))
        {
            Subject = new(slot.Index),
        };
    }

    private DirtyLogStep NextStep(VmSlot slot)
    {
        if (!slot.DirtyLogEnabled) return DirtyLogStep.Enable;
        if (slot.DirtyLogVerifyDue) return DirtyLogStep.Verify;
        return slot.DirtyLogRounds >= campaign.DirtyLog.RoundsPerSession ? DirtyLogStep.Disable : DirtyLogStep.Round;
    }

    private static OperationKind KindOf(DirtyLogStep step) => step switch
    {
        DirtyLogStep.Enable => OperationKind.DirtyLogEnable,
        DirtyLogStep.Verify => OperationKind.DirtyLogVerify,
        DirtyLogStep.Disable => OperationKind.DirtyLogDisable,
        _ => OperationKind.DirtyLogGet,
    };

    private async Task<OperationResult> RunAsync(VmSlot slot, DirtyLogStep step, OperationMessage op)
    {
        var pages = await slot.Grain.DirtyLogAsync(op, step);
        fleet.Release(() =>
        {
            slot.DirtyLogRounds = step switch
            {
                DirtyLogStep.Round => slot.DirtyLogRounds + 1,
                DirtyLogStep.Verify => slot.DirtyLogRounds,
                _ => 0,
            };
            // A verification proves something about pages that were copied and written again, so it follows a round and never another one.
            var verifyEvery = campaign.DirtyLog.VerifyEvery;
            slot.DirtyLogVerifyDue = step == DirtyLogStep.Round && verifyEvery > 0 && slot.DirtyLogRounds % verifyEvery == 0;
            slot.DirtyLogEnabled = pages >= 0 && step != DirtyLogStep.Disable;
        });
        return OperationResult.Of(pages >= 0, $"{slot.Key}: {pages} pages");
    }
}
