namespace Livebed.Explorer.Scenarios;

/// <summary>
/// Claim: when a page is freed no TLB has it any more, so nobody sees what its next owner keeps there (S5, S1, S9). Frames are so few that
/// one which the host takes from page 0 is at once another page's, while vCPUs still run on what their TLBs hold (kvm-protocol 2.1, flush
/// before free).
/// </summary>
internal sealed class PageReuse : Scenario
{
    public override string Name => "page-reuse";
    public override string Claim => "no vCPU reaches a freed page, whoever owns it next";

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Frames = 4 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.Vcpu().Write(0).Write(0).Read(0);
        plan.Vcpu().Read(0).Write(1).Read(1);
        plan.Actor("mm").DontNeed(0).DontNeed(1);
    }
}
