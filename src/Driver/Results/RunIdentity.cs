namespace Livebed.Driver.Results;

/// <summary>Which run this is: the campaign file as given, when it began, and the command that repeats it.</summary>
public sealed record RunIdentity(string CampaignFile, DateTimeOffset StartedAt, string Command);
