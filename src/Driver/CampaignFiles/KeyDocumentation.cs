namespace Livebed.Driver.CampaignFiles;

/// <summary>One key as docs/campaigns.md has it: path ("vms[].vcpus"), default, unit, what is allowed, and what it means.</summary>
internal sealed record KeyDocumentation(string Path, string Default, string Unit, string Allowed, string Summary);
