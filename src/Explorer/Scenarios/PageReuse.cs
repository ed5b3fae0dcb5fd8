namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: when a page is freed no TLB has it any more, so no vCPU sees its next owner's content (S5, S1, S9). Frames are few, so the frame
/// that the host takes from page 0 becomes another page's at once, while vCPUs still use their TLBs (kvm-protocol 2.1, flush before free).
/// </summary>
internal sealed class PageReuse : Scenario
{
    public override string Name => "page-reuse";
    public override string Claim => "no vCPU reaches a freed page, whatever its next owner";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Frames = 4 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(0).Read(0);
        plan.Vcpu().Read(0).Write(1).Read(1);
        plan.Actor("mm").DontNeed(0).DontNeed(1);
    }
}
