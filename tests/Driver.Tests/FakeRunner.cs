using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Tests;

/// <summary>A runner that does what the test says and remembers what it was asked for.</summary>
internal sealed class FakeRunner(Func<Campaign, RunFolder, IRunProgress, CancellationToken, Task<RunOutcome>> run) : ICampaignRunner
{
    public FakeRunner(RunOutcome outcome) : this((_, _, _, _) => Task.FromResult(outcome))
    {
    }

    public Campaign? Campaign { get; private set; }
    public RunnerOptions? Options { get; set; }

    public Task<RunOutcome> RunAsync(Campaign campaign, RunFolder folder, IRunProgress progress, CancellationToken interrupted)
    {
        Campaign = campaign;
        return run(campaign, folder, progress, interrupted);
    }
}
