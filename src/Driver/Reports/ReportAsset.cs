using Microsoft.AspNetCore.Components;

namespace Livebed.Driver.Reports;

/// <summary>What is put into every report as it is: stylesheets and scripts that are built into the command.</summary>
internal static class ReportAsset
{
    /// <summary>In the order in which they use each other.</summary>
    private static readonly string[] _scripts = ["uPlot.iife.min.js", "charts.js", "lanes.js", "timeline.js", "tables.js"];

    public static readonly MarkupString Styles = new($"<style>\n{Read("uPlot.min.css")}\n{Read("report.css")}</style>");
    public static readonly MarkupString Scripts = new(
        $"<script>\n{string.Join('\n', _scripts.Select(Read))}</script>");

    /// <summary>For a page with curves of designs.</summary>
    public static readonly MarkupString Curves = new(
        $"<script>\n{string.Join('\n', ((string[])["uPlot.iife.min.js", "charts.js", "curves.js", "tables.js"]).Select(Read))}</script>");

    /// <summary>For a page without charts.</summary>
    public static readonly MarkupString Tables = new($"<script>\n{Read("tables.js")}</script>");

    /// <summary>What the scripts read: JSON in which the encoder has escaped what HTML would take for markup.</summary>
    public static MarkupString Data(string id, string json) => new($"<script type=\"application/json\" id=\"{id}\">{json}</script>");

    private static string Read(string name)
    {
        using var stream = typeof(ReportAsset).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the resource {name} is not there");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
