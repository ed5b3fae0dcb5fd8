using Livebed.Driver.Campaigns;

namespace Livebed.Driver.CommandLine;

/// <summary>Makes the runner of a campaign; tests hand in one of their own.</summary>
internal delegate ICampaignRunner RunnerFactory(RunnerOptions options);
