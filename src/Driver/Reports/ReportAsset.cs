using Microsoft.AspNetCore.Components;

namespace Livebed.Driver.Reports;

/// <summary>What is put into every report as it is: stylesheets and scripts that are built into the command.</summary>
internal static class ReportAsset
{
    public static readonly MarkupString Styles = new($"<style>\n{Read("uPlot.min.css")}\n{Read("report.css")}</style>");
    public static readonly MarkupString Scripts = new($"<script>\n{Read("uPlot.iife.min.js")}\n{Read("report.js")}</script>");

    private static string Read(string name)
    {
        using var stream = typeof(ReportAsset).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the resource {name} is not there");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
