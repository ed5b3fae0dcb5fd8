using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;

namespace Livebed.Driver.CommandLine;

/// <summary>A `run` command line, parsed but not yet checked against the campaign.</summary>
internal sealed record RunRequest(
    IReadOnlyList<string> Arguments, string Campaign, IReadOnlyList<Override> Overrides, string OutputFolder, RunnerOptions Runner, bool Json);
